"""The writer of event files."""

from __future__ import annotations

from ...autograd.tape import Variable
from .graph import graph_def, operations
from .library import tensorboardx

tensorboardx()


def _plain(value):
    """What tensorboardX takes: arrays for tensors, also in lists and dictionaries."""
    if isinstance(value, Variable):
        array = value.detach().numpy()
        return array.astype("float32") if array.dtype.kind == "V" else array
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_plain(v) for v in value])
    return value


def _number(value):
    """A number, from a tensor or an array with one element."""
    return value.item() if hasattr(value, "item") else value


class SummaryWriter:
    """Writes what TensorBoard shows into a folder, by default `runs/<time>_<host><comment>`.

    Values may be tensors, arrays or numbers. `purge_step`: forget events from this step on, after a crash. `max_queue`,
    `flush_secs`: how much waits, and how long, before it is written. It is its own context manager.
    """

    def __init__(
        self,
        log_dir=None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        self._settings = {
            "purge_step": purge_step,
            "max_queue": max_queue,
            "flush_secs": flush_secs,
            "filename_suffix": filename_suffix,
        }
        folder = None if log_dir is None else str(log_dir)
        self._writer = tensorboardx().SummaryWriter(folder, comment=comment, **self._settings)
        self._curves: dict = {}
        self.log_dir = self._writer.logdir

    def get_logdir(self) -> str:
        """The folder that is written."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value,
        global_step=None,
        walltime=None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A point of a curve. NotImplementedError for new_style and double_precision: TensorBoard shows float32."""
        if new_style or double_precision:
            raise NotImplementedError("add_scalar: new_style and double_precision are not there; leave them out.")
        self._writer.add_scalar(tag, _number(scalar_value), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict, global_step=None, walltime=None) -> None:
        """Points of several curves on one chart, each as a run in a folder `<main_tag>_<tag>` of its own."""
        for tag, value in tag_scalar_dict.items():
            name = f"{main_tag.replace('/', '_')}_{tag}"
            if name not in self._curves:
                self._curves[name] = tensorboardx().SummaryWriter(f"{self.log_dir}/{name}", **self._settings)
            self._curves[name].add_scalar(main_tag, _number(value), global_step, walltime)

    def add_histogram(
        self, tag: str, values, global_step=None, bins: str = "tensorflow", walltime=None, max_bins=None
    ) -> None:
        """How values are distributed."""
        self._writer.add_histogram(tag, _plain(values), global_step, bins, walltime, max_bins)

    def add_histogram_raw(
        self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None
    ) -> None:
        """A histogram that is already counted."""
        numbers = (min, max, num, sum, sum_squares)
        buckets = (_plain(bucket_limits), _plain(bucket_counts))
        self._writer.add_histogram_raw(tag, *map(_number, numbers), *buckets, global_step, walltime=walltime)

    def add_image(self, tag: str, img_tensor, global_step=None, walltime=None, dataformats: str = "CHW") -> None:
        """An image, floats from 0 to 1 or bytes."""
        self._writer.add_image(tag, _plain(img_tensor), global_step, walltime, dataformats)

    def add_images(self, tag: str, img_tensor, global_step=None, walltime=None, dataformats: str = "NCHW") -> None:
        """Several images as one."""
        self._writer.add_images(tag, _plain(img_tensor), global_step, walltime, dataformats)

    def add_image_with_boxes(
        self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1, dataformats="CHW", labels=None
    ) -> None:
        """An image with boxes (N, 4): left, top, right, bottom."""
        image, boxes = _plain(img_tensor), _plain(box_tensor)
        labels = [labels] if isinstance(labels, str) else labels
        self._writer.add_image_with_boxes(tag, image, boxes, global_step, walltime, dataformats, labels)

    def add_figure(self, tag: str, figure, global_step=None, close: bool = True, walltime=None) -> None:
        """A matplotlib figure, or several."""
        self._writer.add_figure(tag, figure, global_step, close, walltime)

    def add_video(self, tag: str, vid_tensor, global_step=None, fps=4, walltime=None) -> None:
        """A film (N, T, C, H, W). It needs moviepy."""
        self._writer.add_video(tag, _plain(vid_tensor), global_step, fps, walltime)

    def add_audio(self, tag: str, snd_tensor, global_step=None, sample_rate: int = 44100, walltime=None) -> None:
        """A sound (1, L) from -1 to 1. It needs soundfile."""
        self._writer.add_audio(tag, _plain(snd_tensor), global_step, sample_rate, walltime)

    def add_text(self, tag: str, text_string: str, global_step=None, walltime=None) -> None:
        """A text, in Markdown."""
        self._writer.add_text(tag, text_string, global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """A model's operators in one forward pass of input_to_model, a tensor or a tuple of the model's arguments."""
        if input_to_model is None:
            raise ValueError("add_graph needs input_to_model: a tensor, or a tuple of the model's arguments.")
        found = operations(model, input_to_model)
        if verbose:
            print("\n".join(f"{o.name}: {o.kind}({', '.join(o.inputs)})" for o in found))
        # tensorboardX's other way to add a graph asks PyTorch for it.
        self._writer._get_file_writer().add_onnx_graph(graph_def(found))

    def add_embedding(
        self, mat, metadata=None, label_img=None, global_step=None, tag: str = "default", metadata_header=None
    ) -> None:
        """Points (N, D) for the projector, with labels and images (N, C, H, W) for them."""
        self._writer.add_embedding(_plain(mat), _plain(metadata), _plain(label_img), global_step, tag, metadata_header)

    def add_pr_curve(
        self, tag, labels, predictions, global_step=None, num_thresholds: int = 127, weights=None, walltime=None
    ) -> None:
        """Precision over recall, of labels 0 or 1 and probabilities."""
        self._writer.add_pr_curve(
            tag, _plain(labels), _plain(predictions), global_step, num_thresholds, _plain(weights), walltime
        )

    def add_mesh(
        self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None
    ) -> None:
        """Points and triangles in space: vertices (B, N, 3), colours (B, N, 3), faces (B, F, 3)."""
        self._writer.add_mesh(tag, _plain(vertices), _plain(colors), _plain(faces), config_dict, global_step, walltime)

    def add_custom_scalars(self, layout: dict) -> None:
        """Charts that show several curves: {category: {title: [kind, tags]}}."""
        self._writer.add_custom_scalars(layout)

    def add_custom_scalars_multilinechart(self, tags, category: str = "default", title: str = "untitled") -> None:
        """A chart with several curves."""
        self._writer.add_custom_scalars_multilinechart(tags, category, title)

    def add_custom_scalars_marginchart(self, tags, category: str = "default", title: str = "untitled") -> None:
        """A chart with a curve and its margins."""
        self._writer.add_custom_scalars_marginchart(tags, category, title)

    def add_hparams(
        self,
        hparam_dict: dict,
        metric_dict: dict,
        hparam_domain_discrete=None,
        run_name: str | None = None,
        global_step=None,
    ) -> None:
        """Hyperparameters with the metrics they led to, as a run of their own in the same folder."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        settings = {key: _number(value) for key, value in hparam_dict.items()}
        results = {key: _number(value) for key, value in metric_dict.items()}
        self._writer.add_hparams(settings, results, run_name, global_step)

    def flush(self) -> None:
        """Write what waits."""
        for writer in (self._writer, *self._curves.values()):
            writer.flush()

    def close(self) -> None:
        """Write what waits and close the files."""
        for writer in (self._writer, *self._curves.values()):
            writer.close()
        self._curves.clear()

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.close()
