/** What the lexer and the parser refuse: RES0001 to RES0099. */
import { defineDiagnostic, msg } from '../diagnostic.ts';

export const unexpectedText = defineDiagnostic({
  code: 'RES0001',
  title: msg`unexpected ${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`${'fix'}`,
  more: 'The text up to here is the beginning of something the grammar knows, and this is not how it can go on. The parser skips to the next statement and reads on, so that one run reports every mistake it can tell apart.',
});

export const strayCharacter = defineDiagnostic({
  code: 'RES0002',
  title: msg`${'what'} is no part of the language`,
  found: msg`${'found'}`,
  expected: msg`names in ASCII, numbers, strings, and the signs of the grammar`,
  hint: msg`${'fix'}`,
  more: 'Outside strings and comments a file holds ASCII names, numbers and the operators of the grammar. Signs that other languages use, such as && or a typographic quote, have a spelling of their own here.',
});

export const unterminatedString = defineDiagnostic({
  code: 'RES0003',
  title: 'string without an end',
  found: msg`the line ends inside the string`,
  expected: msg`a closing " on the same line`,
  hint: msg`write ${'fix'}`,
  more: 'A string begins and ends with a double quote on one line. A line break inside a string is written \\n.',
});

export const unterminatedComment = defineDiagnostic({
  code: 'RES0004',
  title: 'comment without an end',
  found: msg`the file ends inside the comment`,
  expected: msg`a closing */`,
  hint: msg`write */ where the comment ends`,
  more: 'A comment that begins with /* ends at the first */ after it; such comments do not nest.',
});

export const unknownEscape = defineDiagnostic({
  code: 'RES0005',
  title: 'unknown escape in a string',
  found: msg`${'found'}`,
  expected: msg`\\", \\\\, \\n or \\t`,
  hint: msg`write ${'fix'}`,
  more: 'Four escapes exist: \\" for a quote, \\\\ for a backslash, \\n for a line break and \\t for a tab.',
});

export const numberOutOfRange = defineDiagnostic({
  code: 'RES0006',
  title: 'number out of range',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write ${'fix'}`,
  more: 'Integers are exact up to 2^53 = 9007199254740992 in either direction, and floats are the doubles of IEEE 754. A literal that cannot be held is refused instead of being changed silently.',
});

export const malformedNumber = defineDiagnostic({
  code: 'RES0007',
  title: 'malformed number',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write ${'fix'}`,
  more: 'A float has digits on both sides of its dot, a size is integers with x between them and nothing else touching, and a name begins with a letter or an underscore.',
});

export const gapBeforeBracket = defineDiagnostic({
  code: 'RES0008',
  title: msg`blank before the ${'bracket'} of ${'what'}`,
  found: msg`${'found'}`,
  expected: msg`${'bracket'} touching what stands before it`,
  hint: msg`write ${'fix'}`,
  more: 'No separator stands between statements, so the parenthesis of a call and the bracket of an index must touch what they belong to. On a line of its own a parenthesis begins a new statement; on the same line it is refused, because it could be read both ways. Where two statements were meant, put `;` between them.',
});

export const callWithoutName = defineDiagnostic({
  code: 'RES0009',
  title: 'only a name can be called',
  found: msg`a parenthesis right behind ${'found'}`,
  expected: msg`the name of a layer, block or function before it`,
  hint: msg`write ${'fix'}`,
  more: 'A call is a name with a parenthesis touching it. The result of a call, an element of a list or a number cannot be called. Where a new statement was meant, put it on a line of its own or write `;` before it.',
});

export const braceTouchesWord = defineDiagnostic({
  code: 'RES0010',
  title: 'brace that touches a word',
  found: msg`${'found'}`,
  expected: msg`a blank before the brace of a body, or a label such as \`layer{i}:\` with a colon`,
  hint: msg`write ${'fix'}`,
  more: 'A brace that touches a word or a number is a computed part of a label, as in `layer{i + 1}: conv(64)`. The brace of a body therefore has a blank before it.',
});

export const unclosedBracket = defineDiagnostic({
  code: 'RES0011',
  title: msg`${'opener'} without its ${'closer'}`,
  found: msg`${'found'}`,
  expected: msg`${'closer'} for the ${'opener'} of line ${'line'}`,
  hint: msg`write ${'closer'} ${'place'}`,
  more: 'Every opening bracket needs its closing one. Where the next block or model begins, or the file ends, no body can be open any more.',
});

export const unopenedBracket = defineDiagnostic({
  code: 'RES0012',
  title: msg`${'closer'} without its ${'opener'}`,
  found: msg`${'closer'} that closes nothing`,
  expected: msg`${'expected'}`,
  hint: msg`take the ${'closer'} away`,
  more: 'A closing bracket must belong to an opening one of its own kind. Often the bracket that should have been open was closed a few lines before.',
});

export const keywordAsName = defineDiagnostic({
  code: 'RES0013',
  title: msg`keyword where ${'what'} is expected`,
  found: msg`the keyword \`${'keyword'}\``,
  expected: msg`a name of your own`,
  hint: msg`write \`${'fix'}\``,
  more: 'Keywords may be label segments, names of inputs and outputs, and argument names, since those stand where nothing else can. They cannot name a let, a parameter, a block, a model or a const.',
});

export const statementBeginsWithOperator = defineDiagnostic({
  code: 'RES0014',
  title: msg`\`${'operator'}\` with nothing before it`,
  found: msg`\`${'operator'}\` at the beginning of a statement`,
  expected: msg`a value before \`${'operator'}\``,
  hint: msg`write ${'fix'}`,
  more: 'A binary operator or `->` at the start of a line continues the line above, so no statement can begin with one, not even with a minus. The current value has a name to begin with: `it`.',
});

export const nestedTooDeeply = defineDiagnostic({
  code: 'RES0015',
  title: 'nested too deeply',
  found: msg`more than ${'limit'} brackets, bodies, signs or branches within each other`,
  expected: msg`at most ${'limit'}`,
  hint: msg`move the inner part to a \`let\` or a \`block\``,
  more: 'Brackets, bodies, prefix signs, `else if` and `?:` may lie within each other 64 deep. Deeper text would exhaust the stack of the machine; the parser stops there instead. The rest of the file is not read.',
});

export const expressionTooLong = defineDiagnostic({
  code: 'RES0016',
  title: 'expression too long',
  found: msg`more than ${'limit'} operators and indices in one expression`,
  expected: msg`at most ${'limit'}`,
  hint: msg`name a part of it: \`let part = …\``,
  more: 'One expression may hold 500 operators and indices, counted along the deepest way into it, so that everything that later walks over it has a bounded depth. Sums over many things are written with repeat, or as a list.',
});

export const chainedComparison = defineDiagnostic({
  code: 'RES0017',
  title: 'comparison of a comparison',
  found: msg`\`${'first'}\` and \`${'second'}\` side by side`,
  expected: msg`one comparison, or two joined by \`and\``,
  hint: msg`write ${'fix'}`,
  more: 'Comparisons do not chain: `a < b < c` would compare a truth value with c. Join two comparisons with `and`.',
});

export const badLabel = defineDiagnostic({
  code: 'RES0018',
  title: 'not a label',
  found: msg`${'found'}`,
  expected: msg`${'expected'}`,
  hint: msg`write ${'fix'}`,
  more: 'A label is a path of segments joined by dots that touch. A segment is a word, which may be a keyword, an integer, or a part in braces that is computed: `encoder.layer.{i}`, `denselayer{i + 1}`.',
});

export const badLabelTarget = defineDiagnostic({
  code: 'RES0019',
  title: 'label on something that is no layer',
  found: msg`${'found'}`,
  expected: msg`a layer, a block, a body \`{ … }\` or a construct such as \`repeat\` after the colon`,
  hint: msg`write ${'fix'}`,
  more: 'A label gives parameters their path, so it stands before what owns parameters: a layer, a block, a body or a construct. It covers its own link of a chain only. Give a value a name with `let`, and an argument with `=`.',
});

export const statementOutsideBody = defineDiagnostic({
  code: 'RES0020',
  title: 'statement outside a block or model',
  found: msg`${'found'}`,
  expected: msg`\`import\`, \`const\`, \`block\` or \`model\``,
  hint: msg`${'fix'}`,
  more: 'A file is a list of imports, constants, blocks and models. Layers and other statements stand in the body of a block or model.',
});

export const fileTooLarge = defineDiagnostic({
  code: 'RES0022',
  title: msg`${'name'} is too large`,
  found: msg`${'size'} characters`,
  expected: msg`at most ${'limit'}`,
  hint: msg`split the file and \`import\` the parts`,
  more: 'A source file may hold 4194304 characters, some hundred thousand lines. More is no text that a person wrote; repetition is written with repeat.',
});

export const gapAtDot = defineDiagnostic({
  code: 'RES0023',
  title: 'blank at the dot of a path',
  found: msg`${'found'}`,
  expected: msg`a dot that touches the names on both sides`,
  hint: msg`write ${'fix'}`,
  more: 'The dots of a label or a path touch their neighbours on both sides, so that a path is one word to the eye.',
});

export const looseNot = defineDiagnostic({
  code: 'RES0024',
  title: msg`\`not\` right behind \`${'operator'}\``,
  found: msg`\`${'operator'} not\`, where \`${'operator'}\` binds tighter than \`not\``,
  expected: msg`\`not\` before a whole comparison`,
  hint: msg`write \`${'operator'} (not …)\``,
  more: '`not a == b` means `not (a == b)`: not binds looser than comparisons and arithmetic. Behind a tighter operator it needs parentheses of its own.',
});

export const assignment = defineDiagnostic({
  code: 'RES0025',
  title: 'assignment without `let`',
  found: msg`\`${'name'} =\``,
  expected: msg`${'expected'}`,
  hint: msg`write ${'fix'}`,
  more: 'A name is given by `let` and holds in the body it stands in; nothing is assigned twice. Whether two values are equal is asked with `==`.',
});

export const tooManyErrors = defineDiagnostic({
  code: 'RES0026',
  title: 'too many syntax errors',
  found: msg`${'count'} errors up to here`,
  expected: msg`a file in the .res language`,
  hint: msg`mend the first ones, then run \`rescc check\` again`,
  more: 'After fifty syntax errors the parser stops: what follows is seldom news.',
});

export const tupleInRange = defineDiagnostic({
  code: 'RES0027',
  title: 'list in parentheses',
  found: msg`several numbers in parentheses`,
  expected: msg`a list in brackets`,
  hint: msg`write \`${'fix'}\``,
  more: 'Lists are written in brackets everywhere in the language: `mean=[0.485, 0.456, 0.406]`. Parentheses group one expression.',
});

export const badTemplate = defineDiagnostic({
  code: 'RES0029',
  title: 'a computed part of this name cannot be read',
  found: msg`${'found'}`,
  expected: msg`an expression between braces, as in \`"layers.{i}.weight"\``,
  hint: msg`write ${'fix'}`,
  more: 'In the strings of labels and of `map`, braces hold computed parts as they do in labels. A brace of the name itself has a backslash before it.',
});
