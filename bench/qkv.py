"""Whether one product for Q, K and V, cut by a Split, is faster than three: attention with known weights, its time over that of the
three products, medians and minima of 30 runs in turns. In an environment with numpy 2.4.6, onnx 1.23.2 and onnxruntime 1.30.0:
    python bench/qkv.py
What came of it is in docs/optimize.md, "Attention"."""

import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)


def session(joined, width, heads):
    weights = [random.standard_normal((width, width), dtype=np.float32) * 0.02 for _ in range(3)]
    biases = [random.standard_normal(width, dtype=np.float32) for _ in range(3)]
    nodes, stored = [], []
    if joined:
        stored += [numpy_helper.from_array(np.concatenate(weights, 1), "w"), numpy_helper.from_array(np.concatenate(biases), "b")]
        nodes += [
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["sum"]),
            helper.make_node("Split", ["sum"], ["q", "k", "v"], axis=2),
        ]
    else:
        for name, w, b in zip("qkv", weights, biases):
            stored += [numpy_helper.from_array(w, "w" + name), numpy_helper.from_array(b, "b" + name)]
            nodes += [helper.make_node("MatMul", ["x", "w" + name], ["product" + name]), helper.make_node("Add", ["product" + name, "b" + name], [name])]
    stored.append(numpy_helper.from_array(np.array([0, 0, heads, width // heads]), "split"))
    for name in "qkv":
        nodes.append(helper.make_node("Reshape", [name, "split"], ["parts" + name]))
        nodes.append(helper.make_node("Transpose", ["parts" + name], ["heads" + name], perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]))
    nodes += [
        helper.make_node("MatMul", ["headsq", "headsk"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
        helper.make_node("MatMul", ["shares", "headsv"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", width])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "attention", [x], [y], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    return ort.InferenceSession(model.SerializeToString(), options)


print("width  batch  tokens  median  least")
for width, heads in ((768, 12), (192, 3)):
    pair = session(False, width, heads), session(True, width, heads)
    for batch, tokens in ((1, 1), (1, 16), (1, 128), (8, 128)):
        x = random.standard_normal((batch, tokens, width), dtype=np.float32)
        times = [], []
        for _ in range(30):
            for one, into in zip(pair, times):
                start = time.perf_counter()
                one.run(None, {"x": x})
                into.append(time.perf_counter() - start)
        three, joined = times
        print(f"{width:5}  {batch:5}  {tokens:6}  {np.median(joined) / np.median(three):6.2f}  {min(joined) / min(three):5.2f}")
