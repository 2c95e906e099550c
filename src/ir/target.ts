/** What a file is written for; `portable` prefers nothing that only one runtime does well. */
export type Target = 'portable' | 'cpu' | 'webgpu' | 'cuda';
