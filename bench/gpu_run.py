"""Runs files in onnxruntime's Python binding with inputs and outputs on the device: `npm run bench -- gpu` starts it with a job.

    python bench/gpu_run.py JOB.json

The job names the provider, its options, groups of files that are measured in turn, the batches, the sessions per file and the seconds that it may take.
Prints one JSON object a line: a session's times of one batch, or the operators and kernels of one file. Wall time around a run that waits for the device."""

import json
import os
import sys
import tempfile
import time
from collections import Counter

import numpy as np
import onnxruntime as ort

job = json.load(open(sys.argv[1]))
provider = job["provider"]
ort.set_default_logger_severity(4)  # some kernels warn on every run
device = "cuda" if provider == "cuda" else "cpu"
name = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}[provider]
if device == "cuda" and hasattr(ort, "preload_dlls"):
    ort.preload_dlls()  # cuBLAS, cuDNN and so on of pip's nvidia packages
ends = time.monotonic() + job["seconds"]
dtypes = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(float16)": np.float16}


def say(**line):
    print(json.dumps(line), flush=True)


def open_session(path, **more):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if "threads" in job:
        options.intra_op_num_threads = job["threads"]
    for key, value in more.items():
        setattr(options, key, value)
    session = ort.InferenceSession(path, options, providers=[(name, job.get("options", {}))])
    if session.get_providers()[0] != name:
        raise RuntimeError(f"{name} is not there: {session.get_providers()}")
    return session


def inputs_of(session, batch, sizes):
    """The first axis is the batch where its size is free; other free sizes are named in the job. The same numbers for the same names and sizes."""
    given = {}
    for port in session.get_inputs():
        shape = [d if isinstance(d, int) else batch if i == 0 else sizes[d] for i, d in enumerate(port.shape)]
        g = np.random.Generator(np.random.SFC64(len(port.name)))
        dtype = dtypes[port.type]
        if dtype == np.int64:
            given[port.name] = np.ones(shape, dtype) if "mask" in port.name else np.zeros(shape, dtype) if "type" in port.name else g.integers(0, 100, shape)
        else:
            given[port.name] = g.standard_normal(shape, dtype=np.float32).astype(dtype)
    return given


def bind(session, given):
    binding = session.io_binding()
    for key, value in given.items():
        binding.bind_ortvalue_input(key, ort.OrtValue.ortvalue_from_numpy(value, device, 0))
    for port in session.get_outputs():
        binding.bind_output(port.name, device, 0)
    return binding


def timed(session, binding):
    began = time.perf_counter()
    session.run_with_iobinding(binding)
    return (time.perf_counter() - began) * 1e3


def off(result, wanted):
    """How far the outputs are from those of the first file, as a ratio of norms; None where they cannot be compared."""
    if wanted is None or len(result) != len(wanted) or any(a.shape != b.shape for a, b in zip(result, wanted)):
        return None
    return max(float(np.linalg.norm((a - b).astype(np.float64).ravel()) / (np.linalg.norm(b.astype(np.float64).ravel()) + 1e-30)) for a, b in zip(result, wanted))


def measure(group, turn):
    sessions = []
    for file in group["files"]:
        began = time.perf_counter()
        try:
            sessions.append((file, open_session(file["path"]), (time.perf_counter() - began) * 1e3))
        except Exception as error:
            say(network=group["network"], label=file["label"], error=str(error)[:300])
    for batch in group["batches"]:
        bound, first = [], {}
        for file, session, create in sessions:
            try:
                binding = bind(session, inputs_of(session, batch, group.get("sizes", {})))
                warm = min(timed(session, binding) for _ in range(4))
                error = None
                if turn == 0 and batch == group["batches"][0]:
                    result = binding.copy_outputs_to_cpu()
                    finite = all(np.isfinite(r).all() for r in result)
                    error = off(result, first.setdefault(file.get("like", "raw"), result)) if finite else float("inf")
                bound.append((file, session, binding, create, warm, error, []))
            except Exception as error:
                say(network=group["network"], label=file["label"], batch=batch, error=str(error)[:300])
        rounds = int(min(50, max(7, job.get("slice", 1.2) * 1e3 / (sum(b[4] for b in bound) + 1e-9))))
        for round_ in range(rounds):
            for i in range(len(bound)):
                _, session, binding, *_, times = bound[(i + round_) % len(bound)]
                times.append(timed(session, binding))
        for file, session, binding, create, warm, error, times in bound:
            say(network=group["network"], label=file["label"], batch=batch, session=turn, createMs=round(create, 1), off=error, ms=[round(t, 4) for t in times])


def kernels(run, times=10):
    """Device time of every kernel, in microseconds a run, as CUPTI counts it; PyTorch's profiler sees all kernels of the process."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(times):
            run()
    return {e.key[:160]: [round(e.self_device_time_total / times, 2), e.count / times] for e in seen.key_averages() if e.self_device_time_total > 0}


def profile(group):
    import onnx

    for file in group["files"]:
        try:
            with tempfile.TemporaryDirectory() as folder:
                made = os.path.join(folder, "optimized.onnx")
                session = open_session(file["path"], optimized_model_filepath=made, enable_profiling=True, profile_file_prefix=os.path.join(folder, "p"))
                graph = onnx.load(made, load_external_data=False).graph
                ops = Counter(f"{n.domain}.{n.op_type}" if n.domain not in ("", "ai.onnx") else n.op_type for n in graph.node)
                for batch in group["batches"]:
                    binding = bind(session, inputs_of(session, batch, group.get("sizes", {})))
                    for _ in range(5):
                        timed(session, binding)
                    found = kernels(lambda: session.run_with_iobinding(binding)) if device == "cuda" else {}
                    say(network=group["network"], label=file["label"], batch=batch, kernels=found)
                spent = Counter()
                for event in json.load(open(session.end_profiling())):
                    if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                        spent[f"{event['args'].get('provider', '?')[:-17]} {event['args']['op_name']}"] += event["dur"]
                say(network=group["network"], label=file["label"], ops=dict(ops.most_common()), spent=dict(spent.most_common(30)))
        except Exception as error:
            say(network=group["network"], label=file["label"], error=f"profile: {str(error)[:300]}")


say(runtime=ort.__version__, providers=ort.get_available_providers(), device=job.get("device"))


def measure_all():
    for turn in range(job["sessions"]):
        for group in job["groups"]:
            if time.monotonic() > ends:
                say(stopped=f"session {turn}, before {group['network']}")
                return
            measure(group, turn)


measure_all()
for group in job["profile"]:
    profile(group)
