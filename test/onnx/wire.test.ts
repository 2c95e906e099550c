import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import {
  bytesFieldSize,
  bytesSource,
  type Field,
  fieldsOf,
  intFieldSize,
  ProtoField,
  stringFieldSize,
  textOf,
  utf8Size,
  varintAt,
  varintSize,
  WireError,
  WireWriter,
  windowedSource,
} from '../../src/onnx/wire.ts';

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
        const named = new ProtoField(3, 'text');
        const bytes = written((w) => w.stringField(named, text));
        expect(bytes.length).toBe(stringFieldSize(named, text));
        const [field] = [...fieldsOf(bytesSource(bytes))];
        expect(field && named.is(field)).toBe(true);
        expect(field && textOf(bytesSource(bytes), field)).toBe(new TextDecoder().decode(new TextEncoder().encode(text)));
      }),
    );
  });

  test('a nested message moves up by its own length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (inside) => {
        const bytes = written((w) =>
          w.message(new ProtoField(7, 'message'), () =>
            w.message(new ProtoField(1, 'message'), () => w.bytesField(new ProtoField(2, 'bytes'), inside)),
          ),
        );
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

  test('sizes are those of what is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 29 - 1 }), safe, fc.uint8Array({ maxLength: 200 }), (number, value, content) => {
        const [int, bytes] = [new ProtoField(number, 'int'), new ProtoField(number, 'bytes')];
        expect(written((w) => w.intField(int, value)).length).toBe(intFieldSize(int, value));
        expect(written((w) => w.bytesField(bytes, content)).length).toBe(bytesFieldSize(bytes, content.length));
      }),
    );
  });

  test('fixed numbers', () => {
    const bytes = written((w) => {
      w.floatField(new ProtoField(2, 'float'), 1.5);
      w.fixed64(2n ** 63n);
    });
    const reader = protobuf.Reader.create(bytes);
    expect([reader.uint32(), reader.float(), reader.fixed64().toString()]).toEqual([21, 1.5, String(2n ** 63n)]);
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
            if (kind === 'int') w.intField(new ProtoField(field, kind), value);
            else if (kind === 'bytes') w.bytesField(new ProtoField(field, kind), value);
            else w.floatField(new ProtoField(field, kind), value);
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
      w.intField(new ProtoField(1, 'int'), 8);
      w.bytesHeader(new ProtoField(7, 'bytes'), large);
    });
    const tail = written((w) => w.intField(new ProtoField(9, 'int'), 5));
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
