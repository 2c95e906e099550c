/** Calls that `--help` shows, by command. `test/cli/help.test.ts` reads each of them as the command line does. */
export const examples: Readonly<Record<string, readonly string[]>> = {
  compile: [
    'rescc resnet.res --model ResNet50 -o resnet50.onnx',
    'rescc resnet.res --model ResNet50 --weights resnet50.pth -o resnet50.onnx',
    'rescc net.res -D classes=10 -O2 --opset 21 --emit onnx-text',
  ],
  optimize: ['rescc optimize in.onnx -o out.onnx --verify', 'rescc optimize in.onnx -o in.onnx --input-shape image=1,3,224,224'],
  verify: [
    'rescc verify net.res --ep cpu,webgpu',
    'rescc verify in.onnx --input image=cat.png',
    'rescc verify net.res -o error.svg',
  ],
  run: [
    'rescc run net.res --weights net.safetensors -i image=cat.png --top 5 --labels labels.txt',
    'rescc run net.onnx -i noisy.png -o clean.png --range 0..255',
    'rescc run detector.onnx -i street.jpg --resize stretch -o boxes.svg --labels labels.txt',
    'rescc run net.onnx -i photos/ --top 3 --csv classes.csv',
    'rescc run bert.onnx -i input_ids=101,2068,102 --time',
    'rescc run neural_ode.res --model Spiral -i y=2,0 -o path.svg',
  ],
  bench: [
    'rescc bench net.onnx --against optimized.onnx',
    'rescc bench a.onnx b.onnx c.onnx -o latency.svg',
    'rescc bench net.res --ep cpu,webgpu --at N=8 --max-latency 20ms --max-madds 4.1G',
  ],
  check: ['rescc check net.res', 'rescc check models/a.onnx models/b.onnx --json'],
  fmt: ['rescc fmt net.res', 'rescc fmt --check net.res'],
  summary: [
    'rescc summary net.res --depth 2',
    'rescc summary net.onnx --at N=1,H=224,W=224',
    'rescc summary net.onnx -o cost.svg',
  ],
  graph: [
    'rescc graph net.res -o net.svg',
    'rescc graph net.onnx --theme light -o net.pdf',
    'rescc graph net.onnx -o net.html',
    'rescc graph net.onnx --depth 2 -o net.mmd',
  ],
  weights: ['rescc weights resnet50.pth', 'rescc weights ckpt.pth#params_ema --against net.res'],
  diff: [
    'rescc diff old.onnx new.onnx',
    'rescc diff net.res net.onnx --weights net.safetensors',
    'rescc diff a.onnx b.onnx -o diff.html',
    'rescc diff epoch1.pth epoch2.pth',
  ],
  extract: [
    'rescc extract net.onnx --to layer4.out -o trunk.onnx',
    'rescc extract net.res --weights net.pth --from layer1.out --to layer2.out -o part.onnx',
  ],
  rename: [
    'rescc rename net.onnx input.1=image 497=logits -o named.onnx',
    'rescc rename net.onnx "backbone.*=*" --only weights,nodes -o named.onnx',
  ],
  adapt: [
    'rescc adapt net.onnx --batch free -o any.onnx',
    'rescc adapt net.onnx --classes 10 --seed 1 -o ten.onnx',
    'rescc adapt net.onnx --keep-classes 281,282,285 --batch 8 -o cats.onnx',
  ],
  explain: ['rescc explain RES0302', 'rescc explain conv', 'rescc explain loop', 'rescc explain fold-batchnorm'],
  doctor: ['rescc doctor', 'rescc doctor --json'],
  completion: ['rescc completion bash >> ~/.bashrc', 'rescc completion fish > ~/.config/fish/completions/rescc.fish'],
};
