"""The same name gives the same bits, whatever a caller or a user's module has set in torch or in the environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from lotterylab.engine import switches as table
from lotterylab.engine.environment import CHOOSE_KERNELS, KNOWN_OTHERWISE, cleared
from lotterylab.engine.exact import exact
from lotterylab.engine.facts import deciding
from lotterylab.engine.here import run_here
from lotterylab.engine.local import run
from lotterylab.engine.store import Store
from lotterylab.engine.switches import PRECISIONS, switches
from lotterylab.engine.tasks import references
from lotterylab.engine.worker import ENVIRONMENT, environment
from lotterylab.models.custom import custom
from lotterylab.plan.nodes import Dense, Init
from some_loop import K, find, train_fn
from some_plans import RECIPE, hashes, train
from some_switches import NEEDS_GPU, OTHER, PUBLIC, TARGETS, WIDE, state

CHOOSING = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_DEFAULT_FPMATH_MODE": "BF16", "MKL_CBWR": "COMPATIBLE"}
NAMES = [switch.name for switch in switches() if switch.name not in NEEDS_GPU or torch.cuda.is_available()]
ENDINGS = {"the block ends": None, "an error": ZeroDivisionError, "Ctrl-C": KeyboardInterrupt}

# sets switches when it is imported and when it runs, and puts nothing back
RUDE = """
import os, torch

os.environ["ONEDNN_MAX_CPU_ISA"] = "SSE41"
torch.set_float32_matmul_precision("medium")
torch.set_flush_denormal(True)
torch.set_grad_enabled(False)


class Rude(torch.nn.Sequential):
    def forward(self, x):
        logits = super().forward(x)
        torch.backends.mkldnn.enabled = False
        torch.set_default_dtype(torch.float64)
        torch.autocast("cpu").__enter__()
        torch.set_num_threads(2)
        torch.set_default_device("meta")
        return logits


def net():
    return Rude(torch.nn.Flatten(), torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Store:
    """The results under torch as it is in a new process."""
    store = Store(tmp_path_factory.mktemp("plain"))
    assert not run_here(TARGETS, store).failed
    return store


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")
@pytest.mark.parametrize("name", PUBLIC)
def test_in_a_process_with_a_switch_set_a_plan_gives_the_same_bits_and_leaves_the_switch(plain, tmp_path, name):
    store = Store(tmp_path)
    with PUBLIC[name]():
        before = state()
        summary = run_here(TARGETS, store)
        assert state() == before
    assert not summary.failed and hashes(store) == hashes(plain)
    assert facts_of(store) == facts_of(plain)


def facts_of(store: Store) -> dict[str, dict[str, Any]]:
    return {record.digest: deciding(record.facts) for record in store.records()}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_each_switch_is_standard_inside_and_as_it_was_afterwards(name, ending, device):
    (switch,) = [switch for switch in switches() if switch.name == name]
    own, other = switch.read(), value_of(name, switch.standard)
    assert other != switch.standard
    try:
        switch.write(other)
        before = state()
        assert before[name] == other
        try:
            with exact(device):
                assert switch.read() == switch.value_for(device, other)
                switch.write(other)  # the work inside sets it again
                if ENDINGS[ending] is KeyboardInterrupt:
                    signal.raise_signal(signal.SIGINT)
                elif ENDINGS[ending]:
                    raise ENDINGS[ending]
        except (ZeroDivisionError, KeyboardInterrupt) as error:
            assert type(error) is ENDINGS[ending]
        assert state() == before
    finally:
        switch.write(own)


def value_of(name: str, standard: Any) -> Any:
    if name == "precisions":
        return table.Precisions(matmul="medium", cudnn=False, each=("bf16", *["none"] * 7, "ieee"))
    return OTHER.get(name, not standard)


@pytest.mark.parametrize("pair", PRECISIONS)
@pytest.mark.parametrize("cudnn", [False, True])
@pytest.mark.parametrize("matmul", ["highest", "high", "medium"])
def test_precisions_are_read_as_they_were_set_also_where_the_old_and_the_new_switches_disagree(pair, cudnn, matmul):
    own = table.precisions()
    each = tuple("tf32" if place == pair else "none" for place in PRECISIONS)
    try:
        table.set_precisions(table.Precisions(matmul=matmul, cudnn=cudnn, each=each))
        effective = [torch._C._get_fp32_precision_getter(*place) for place in PRECISIONS]
        assert table.precisions() == table.Precisions(matmul=matmul, cudnn=cudnn, each=each)
        assert [torch._C._get_fp32_precision_getter(*place) for place in PRECISIONS] == effective
    finally:
        table.set_precisions(own)


def child(code: str, **variables: str) -> str:
    """What a new process prints, with these variables of the environment and no others that choose kernels."""
    kept = {name: value for name, value in os.environ.items() if name not in cleared(os.environ)}
    paths = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**kept, "PYTHONPATH": paths, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_in_a_new_process_every_switch_has_its_standard_value():
    code = (
        "from lotterylab.engine.switches import switches\n"
        "print([(s.name, s.read(), s.standard) for s in switches() if s.name != 'threads' and s.read() != s.standard])"
    )
    assert child(code) == "[]\n"


def test_interrupts_at_any_instant_leave_every_switch_as_it_was():
    code = """
import random, signal, threading, time
import torch
from lotterylab.engine.exact import exact
from some_switches import PUBLIC, state

draws, caught, main = random.Random(0), 0, threading.main_thread().ident
with PUBLIC["medium precision"](), PUBLIC["autocast"](), PUBLIC["default device"](), PUBLIC["denormals"]():
    torch.set_num_threads(2)
    before = state()
    for _ in range(500):
        timer = threading.Timer(draws.random() * 0.001, signal.pthread_kill, (main, signal.SIGINT))
        try:
            timer.start()
            with exact("cpu"):
                pass
            timer.join()
        except KeyboardInterrupt:
            caught += 1
        assert state() == before
print(caught)
"""
    assert int(child(code)) == 500


def test_a_users_module_that_sets_switches_changes_no_other_task_of_its_worker_and_not_its_own_first(
    plain, tmp_path, monkeypatch
):
    (tmp_path / "rude.py").write_text(RUDE)
    monkeypatch.syspath_prepend(tmp_path)
    with exact("cpu"):  # planning imports it here too
        model = custom("rude:net", shape=(1, 8, 8))
    os.environ.pop("ONEDNN_MAX_CPU_ISA", None)
    start = Init(model=model, seed=0)
    rude = train(Dense(model=model), start=start, recipe=RECIPE)
    assert set(references(rude, set())) == {"rude:net"}
    together, apart, order = Store(tmp_path / "together"), Store(tmp_path / "apart"), []
    summary = run(
        [rude, *TARGETS], together, workers=1, listen=lambda event: order.append((event.word, event.node.digest))
    )
    assert not summary.failed and order.index(("done", rude.digest)) < order.index(("started", WIDE.digest))
    found = hashes(together)
    assert {digest: found[digest] for digest in hashes(plain)} == hashes(plain)
    assert {digest: facts_of(together)[digest] for digest in facts_of(plain)} == facts_of(plain)
    run_here([start, Dense(model=model)], apart)
    assert not run([rude], apart, workers=1).failed  # the first task of this worker imports the module
    assert {digest: found[digest] for digest in hashes(apart)} == hashes(apart)


def test_workers_give_the_same_bits_and_facts_whatever_the_environment_says(plain, tmp_path, monkeypatch):
    for name, value in {**CHOOSING, "ATEN_CPU_CAPABILITY": "default"}.items():
        monkeypatch.setenv(name, value)
    before, store = dict(os.environ), Store(tmp_path)
    assert not run(TARGETS, store, workers=1).failed
    assert hashes(store) == hashes(plain) and facts_of(store) == facts_of(plain)
    assert dict(os.environ) == before


def train_in_bfloat16(module, run):
    with torch.autocast("cpu", cache_enabled=False):  # its own, which counts
        train_fn(module, run)


@pytest.mark.parametrize("function", [train_fn, train_in_bfloat16])
def test_a_users_own_training_gives_the_same_bits_in_a_notebook_with_other_settings(tmp_path, function):
    plain = find(tmp_path / "plain", train_fn=function, rewind_to=K)
    with ExitStack() as settings:
        for name in ("autocast", "oneDNN off", "medium precision", "float64", "default device", "no gradients"):
            settings.enter_context(PUBLIC[name]())
        found = find(tmp_path / "set", train_fn=function, rewind_to=K)
    assert not plain.failed and not found.failed and not [alarm for alarm in found.alarms if alarm.severity == "fault"]
    assert hashes(found.store) == hashes(plain.store)


HERE = """
import json
from lotterylab.engine.facts import deciding
from lotterylab.engine.here import run_here
from lotterylab.engine.store import Store
from some_plans import hashes
from some_switches import TARGETS

store = Store(STORE)
run_here(TARGETS, store)
print(json.dumps({record.digest: deciding(record.facts) for record in store.records()}))
"""


def test_in_a_callers_process_a_variable_that_chooses_kernels_is_a_deciding_fact(plain, tmp_path):
    found = json.loads(child(HERE.replace("STORE", repr(str(tmp_path))), **CHOOSING))
    assert found == {digest: {**facts, "environment": CHOOSING} for digest, facts in facts_of(plain).items()}


def test_in_a_callers_process_a_variable_that_chooses_no_kernel_changes_neither_bits_nor_facts(plain, tmp_path):
    harmless = {"ONEDNN_VERBOSE": "0", "GLIBC_TUNABLES": "glibc.malloc.arena_max=1", "MKL_DYNAMIC": "FALSE"}
    found = json.loads(child(HERE.replace("STORE", repr(str(tmp_path))), **harmless))
    assert found == facts_of(plain) and hashes(Store(tmp_path)) == hashes(plain)


def test_workers_are_started_without_every_variable_that_chooses_kernels_and_with_all_others():
    choosing = {
        name + "X" * name.endswith("_"): "glibc.cpu.hwcaps=-AVX2" for name in (*CHOOSE_KERNELS, *KNOWN_OTHERWISE)
    }
    others = {"PATH": "/bin", "OPENBLAS_CORETYPE": "Haswell", "DNNL_VERBOSE": "1", "MKL_NUM_THREADS": "8"}
    assert environment({**others, **choosing}) == {**ENVIRONMENT, **dict.fromkeys(choosing)}
    assert environment({}) == ENVIRONMENT
