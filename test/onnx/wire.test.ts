import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import { bytesSource, type Field, fieldsOf, textOf, varintAt, WireError, windowedSource } from '../../src/onnx/wire-reader.ts';
import { utf8Size, varintSize, WireWriter } from '../../src/onnx/wire-writer.ts';

const safe = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 127, 128, 2 ** 28, 2 ** 32, 2 ** 35 - 1, 2 ** 53 - 1, -1),
);

/** Any code units, lone surrogates among them, and many whole characters beyond 16 bits. */
const anyText = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0x10000, max: 0x10ffff })),
    { maxLength: 300 },
  )
  .map((codes) => codes.map((code) => String.fromCodePoint(code)).join(''));

function written(write: (w: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(4);
  write(writer);
  return Uint8Array.from(writer.view());
}

describe('writing', () => {
  test('varints are what protobufjs writes', () => {
    fc.assert(
      fc.property(safe, (n) => {
        const ours = written((w) => w.varint(n));
        expect([...ours]).toEqual([...protobuf.Writer.create().int64(n).finish()]);
        expect(ours.length).toBe(varintSize(n));
      }),
    );
  });

  test('bigints are written as 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (n) => {
        const ours = written((w) => w.varint(n));
        expect(ours.length).toBe(varintSize(n));
        expect(varintAt(bytesSource(ours), 0)).toMatchObject({ whole: BigInt.asUintN(64, n), end: ours.length });
      }),
    );
  });

  test('texts are UTF-8 of the size computed', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(utf8Size(text)).toBe(new TextEncoder().encode(text).length);
        const bytes = written((w) => w.stringField(3, text));
        const [field] = [...fieldsOf(bytesSource(bytes))];
        expect(field?.number).toBe(3);
        expect(field && textOf(bytesSource(bytes), field)).toBe(new TextDecoder().decode(new TextEncoder().encode(text)));
      }),
    );
  });

  test('a nested message moves up by its own length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (inside) => {
        const bytes = written((w) => w.message(7, () => w.message(1, () => w.bytesField(2, inside))));
        const expected = protobuf.Writer.create()
          .uint32(58)
          .fork()
          .uint32(10)
          .fork()
          .uint32(18)
          .bytes(inside)
          .ldelim()
          .ldelim()
          .finish();
        expect([...bytes]).toEqual([...expected]);
      }),
    );
  });

  test('packed and fixed fields', () => {
    const bytes = written((w) => {
      w.packedField(4, [1, 300, -1]);
      w.floatField(2, 1.5);
      w.fixed32(0xdeadbeef);
      w.fixed64(2n ** 63n);
      w.fixedDouble(-0.1);
    });
    const reader = protobuf.Reader.create(bytes);
    expect([reader.uint32(), reader.uint32()]).toEqual([34, 13]);
    expect([reader.int32(), reader.int32(), reader.int64().toString()]).toEqual([1, 300, '-1']);
    expect([reader.uint32(), reader.float()]).toEqual([21, 1.5]);
    expect([reader.fixed32(), reader.fixed64().toString(), reader.double()]).toEqual([0xdeadbeef, String(2n ** 63n), -0.1]);
  });
});

describe('reading', () => {
  test('fields come back with their spans, in memory and through a window', () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant('int' as const), field: fc.integer({ min: 1, max: 2000 }), value: safe }),
      fc.record({
        kind: fc.constant('bytes' as const),
        field: fc.integer({ min: 1, max: 2000 }),
        value: fc.uint8Array({ maxLength: 200 }),
      }),
      fc.record({
        kind: fc.constant('float' as const),
        field: fc.integer({ min: 1, max: 2000 }),
        value: fc.float({ noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), (items) => {
        const bytes = written((w) => {
          for (const { kind, field, value } of items) {
            if (kind === 'int') w.intField(field, value);
            else if (kind === 'bytes') w.bytesField(field, value);
            else w.floatField(field, value);
          }
        });
        let reads = 0;
        const file = windowedSource(bytes.length, (offset, out) => {
          reads++;
          const part = bytes.subarray(offset, offset + out.length);
          out.set(part);
          return part.length;
        });
        for (const source of [bytesSource(bytes), file]) {
          const fields = [...fieldsOf(source)];
          expect(fields.map((f) => f.number)).toEqual(items.map((i) => i.field));
          fields.forEach((f, i) => {
            const value = items[i]?.value;
            if (value instanceof Uint8Array) expect([...source.read(f.start, f.end - f.start)]).toEqual([...value]);
          });
        }
        expect(reads).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('a large field costs no read of its own', () => {
    const large = 2 ** 40;
    const head = written((w) => {
      w.intField(1, 8);
      w.bytesHeader(7, large);
    });
    const tail = written((w) => w.intField(9, 5));
    let reads = 0;
    const source = windowedSource(head.length + large + tail.length, (offset, out) => {
      reads++;
      for (const [at, part] of [
        [0, head],
        [head.length + large, tail],
      ] as const) {
        part.forEach((byte, i) => {
          if (at + i >= offset && at + i < offset + out.length) out[at + i - offset] = byte;
        });
      }
      return out.length;
    });
    const fields: Field[] = [...fieldsOf(source)];
    expect(fields.map((f) => [f.number, f.end - f.start])).toEqual([
      [1, 1],
      [7, large],
      [9, 1],
    ]);
    expect(reads).toBe(2);
  });

  test.each([
    ['a number cut short', [0x08, 0x80]],
    ['a number of more than ten bytes', [0x08, ...Array.from({ length: 11 }, () => 0x80), 1]],
    ['a field that ends behind its message', [0x12, 0x05, 1]],
    ['a group', [0x0b]],
    ['field number 0', [0x00, 0x01]],
  ])('%s is refused', (_, bytes) => {
    expect(() => [...fieldsOf(bytesSource(Uint8Array.from(bytes)))]).toThrow(WireError);
  });
});
