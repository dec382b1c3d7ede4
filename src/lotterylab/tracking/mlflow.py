"""MLflow runs in a SQLite file, since MLflow no longer maintains its store of plain files."""

from __future__ import annotations

from pathlib import Path

from lotterylab.tracking.runs import TrackedRun, needed

LONGEST = 500  # letters of a parameter


class MLflow:
    """A tracker that ``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`` shows."""

    def __init__(self, folder: Path) -> None:
        self.client = needed("mlflow", "mlflow").MlflowClient(tracking_uri=f"sqlite:///{folder.resolve()}/mlflow.db")
        self.folder = folder

    def write(self, run: TrackedRun) -> None:
        """Write settings as parameters, curves and numbers as metrics, and the digest as a tag."""
        experiment = self.client.get_experiment_by_name(run.group)
        number = (
            experiment.experiment_id
            if experiment
            else self.client.create_experiment(
                run.group, artifact_location=(self.folder / "artifacts").resolve().as_uri()
            )
        )
        opened = self.client.create_run(number, run_name=run.name, tags={"digest": run.digest}).info.run_id
        for name, value in run.settings.items():
            self.client.log_param(opened, name, str(value)[:LONGEST])
        for name, curve in run.curves.items():
            for epoch, value in enumerate(curve, start=1):
                if value is not None:
                    self.client.log_metric(opened, name, value, step=epoch)
        for name, value in run.summary.items():
            self.client.log_metric(opened, name, value)
        self.client.set_terminated(opened)
