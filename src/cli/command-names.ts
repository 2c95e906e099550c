/** The commands, in the order of the help; in a file of their own, because what starts asks for them before they are loaded. */
export const commandNames = [
  'compile',
  'optimize',
  'verify',
  'run',
  'bench',
  'check',
  'fmt',
  'summary',
  'graph',
  'weights',
  'diff',
  'extract',
  'rename',
  'adapt',
  'explain',
  'doctor',
  'completion',
] as const;

export type CommandName = (typeof commandNames)[number];

/** A first word that is no command is a source to compile. */
export const commandOf = (word: string | undefined): CommandName => commandNames.find((name) => name === word) ?? 'compile';
