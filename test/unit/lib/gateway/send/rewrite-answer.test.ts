import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Answer,
  type AnswerRules,
  editSteps,
  type JsonEdits,
  rewriteAnswer as rewriteSteps,
} from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { scanJson } from '../../../../../src/lib/core/json.ts';
import { atOnce, pieceLength } from '../../../../../src/lib/core/turns.ts';
import type { AnswerLimits } from '../../../../../src/lib/judge/verdict.ts';

const rewriteAnswer = (...given: Parameters<typeof rewriteSteps>) => atOnce(rewriteSteps(...given));
const editJson = (...given: Parameters<typeof editSteps>) => atOnce(editSteps(...given));

const json = { 'content-type': 'application/json;odata.metadata=minimal' };
const answer = (body: unknown, more: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: json,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  ...more,
});

const rules = (limits: Partial<AnswerLimits> = {}): AnswerRules => ({
  limits: {
    remove: ['@microsoft.graph.downloadUrl', 'uploadUrl'],
    readableTypes: undefined,
    anyFormat: false,
    ...limits,
  },
  rewriteLink: (link) => (link.startsWith('https://graph.microsoft.com/') ? `gateway:${link.slice(27)}` : undefined),
});

const text = (given: Answer, limits?: Partial<AnswerLimits>): string =>
  Buffer.from(rewriteAnswer(given, rules(limits)).body).toString('utf8');
const read = (body: unknown, limits?: Partial<AnswerLimits>): unknown => JSON.parse(text(answer(body), limits));

describe('links', () => {
  it('lead to the gateway, also those of expanded collections', () => {
    const next = 'https://graph.microsoft.com/v1.0/users?$skiptoken=x';
    expect(
      read({
        '@odata.nextLink': next,
        '@odata.deltaLink': next,
        value: [{ id: '1', 'members@odata.nextLink': next, '@nextLink': next }],
      }),
    ).toEqual({
      '@odata.nextLink': 'gateway:/v1.0/users?$skiptoken=x',
      '@odata.deltaLink': 'gateway:/v1.0/users?$skiptoken=x',
      value: [
        {
          id: '1',
          'members@odata.nextLink': 'gateway:/v1.0/users?$skiptoken=x',
          '@nextLink': 'gateway:/v1.0/users?$skiptoken=x',
        },
      ],
    });
  });

  it('are found behind escapes', () => {
    const escaped = String.raw`{"\u0040odata.nextLink":"https:\/\/graph.microsoft.com\/v1.0\/users"}`;
    expect(JSON.parse(text(answer(escaped)))).toEqual({ '@odata.nextLink': 'gateway:/v1.0/users' });
  });

  it('to another host fail the answer', () => {
    expect(() => read({ '@odata.nextLink': 'https://evil.example/v1.0/users' })).toThrow(/link to another host/);
  });

  it('without a sign before them lead to the gateway where the resource is not Graph, but only those of the answer itself', () => {
    const next = 'https://graph.microsoft.com/v1.0/users?$skiptoken=x';
    const body = { value: [{ nextLink: next }], nextLink: next };
    expect(read(body)).toEqual(body);
    expect(read(body, { plainLinks: true })).toEqual({ ...body, nextLink: 'gateway:/v1.0/users?$skiptoken=x' });
    for (const nextLink of ['', null]) expect(read({ nextLink }, { plainLinks: true })).toEqual({ nextLink });
    expect(() => read({ nextLink: 'https://evil.example/' }, { plainLinks: true })).toThrow(/link to another host/);
  });

  it('in the header Location lead to the gateway, or are removed', () => {
    const headers = (location: string) =>
      rewriteAnswer(answer('', { status: 302, headers: { location } }), rules()).headers;
    expect(headers('https://graph.microsoft.com/v1.0/users/1')).toEqual({ location: 'gateway:/v1.0/users/1' });
    expect(headers('https://tenant.sharepoint.com/download?tempauth=x')).toEqual({});
  });
});

describe('properties', () => {
  it('are removed at any depth, each time', () => {
    const item = {
      id: '1',
      '@microsoft.graph.downloadUrl': 'x',
      deep: [{ uploadUrl: { a: 1 }, b: [{ uploadUrl: 1 }] }],
    };
    expect(read({ value: [item, item], 'content@microsoft.graph.downloadUrl': 'x' })).toEqual({
      value: [
        { id: '1', deep: [{ b: [{}] }] },
        { id: '1', deep: [{ b: [{}] }] },
      ],
    });
    expect(text(answer('{"uploadUrl":1,"a":2,"uploadUrl":3}'))).toBe('{"a":2}');
    expect(text(answer(String.raw`{"upload\u0055rl":1}`))).toBe('{}');
  });

  it('stay as they are written', () => {
    const written = ' { "a" : 12345678901234567890 ,"b":1.0e5, "c":"ü\\u00e4\\"" , "uploadUrl":1 } ';
    expect(text(answer(written))).toBe('{"a" : 12345678901234567890,"b":1.0e5,"c":"ü\\u00e4\\""}');
    const untouched = answer(' { "a" : 12345678901234567890 } ');
    expect(rewriteAnswer(untouched, rules()).body).toBe(untouched.body);
  });
});

describe('objects of other types', () => {
  const user = { '@odata.type': '#microsoft.graph.user', id: '1', displayName: 'Ada', nested: { a: 1 } };
  const group = { id: '2', displayName: 'Secret', '@odata.type': '#microsoft.graph.group', members: [user] };

  it('keep type and id', () => {
    expect(read({ value: [user, group] }, { readableTypes: ['user'] })).toEqual({
      value: [user, { '@odata.type': '#microsoft.graph.group', id: '2' }],
    });
    expect(read(group, { readableTypes: [] })).toEqual({ '@odata.type': '#microsoft.graph.group', id: '2' });
  });

  it('are recognised by the whole name', () => {
    for (const type of ['#microsoft.graph.security.user', 'user', '#microsoft.graph.User', '']) {
      expect(read({ ...user, '@odata.type': type }, { readableTypes: ['user'], typedMembers: [''] })).toEqual({
        '@odata.type': type,
        id: '1',
      });
    }
    expect(read({ ...user, '@odata.type': 5, id: { a: 1 } }, { readableTypes: ['user'], typedMembers: [''] })).toEqual(
      {},
    );
    const twice = '{"@odata.type":"#microsoft.graph.user","a":1,"@odata.type":"#microsoft.graph.group"}';
    expect(text(answer(twice), { readableTypes: ['user'] })).not.toContain('"a"');
  });

  it('must show their type where the answer mixes types', () => {
    const untyped = { id: '3', displayName: 'Secret', deep: { a: 1 } };
    const limits = { readableTypes: ['user'], typedMembers: ['', 'members'] };
    expect(read({ '@odata.context': 'x', value: [user, untyped] }, limits)).toEqual({
      '@odata.context': 'x',
      value: [user, { id: '3' }],
    });
    expect(read(untyped, limits)).toEqual({ id: '3' });
    expect(read({ value: untyped }, limits)).toEqual({ value: { id: '3' } });
    const expanded = { ...user, members: [untyped], 'members@delta': [untyped], Members: untyped };
    const reduced = { ...user, members: [{ id: '3' }], 'members@delta': [{ id: '3' }], Members: { id: '3' } };
    expect(read({ value: [expanded] }, limits)).toEqual({ value: [reduced] });
    // The groups themselves have one type.
    expect(read({ value: [untyped] }, { ...limits, typedMembers: ['members'] })).toEqual({ value: [untyped] });
  });

  it('leave an error as it is', () => {
    const body = { error: { code: 'Request_ResourceNotFound', message: 'x', innerError: { date: 'y' } } };
    expect(text(answer(body, { status: 404 }), { readableTypes: [], typedMembers: [''] })).toBe(JSON.stringify(body));
  });

  it('are told from typed values inside a readable object', () => {
    const licensed = { ...user, assignedLicenses: [{ '@odata.type': '#microsoft.graph.assignedLicense', skuId: 's' }] };
    expect(read({ value: [licensed] }, { readableTypes: ['user'], typedMembers: [''] })).toEqual({ value: [licensed] });
  });

  it('are left alone where an answer has one type', () => {
    expect(read({ value: [group] })).toEqual({ value: [group] });
  });
});

describe('other formats', () => {
  const picture: Answer = { status: 200, headers: { 'content-type': 'image/jpeg' }, body: Buffer.from([0xff, 0xd8]) };

  it('pass only where the judge allows them', () => {
    expect(rewriteAnswer(picture, rules({ anyFormat: true }))).toEqual(picture);
    expect(() => rewriteAnswer(picture, rules())).toThrow(/something else than JSON/);
    expect(() => rewriteAnswer({ ...picture, headers: {} }, rules())).toThrow(/something else than JSON/);
  });

  it('lose their text in an error', () => {
    const page = {
      status: 503,
      headers: { 'content-type': 'text/html', 'retry-after': '5' },
      body: Buffer.from('<a href=x>'),
    };
    expect(rewriteAnswer(page, rules({ anyFormat: true }))).toEqual({
      status: 503,
      headers: { 'retry-after': '5' },
      body: new Uint8Array(),
    });
  });

  it('are refused if they only claim to be JSON', () => {
    expect(() => text(answer('{"uploadUrl":'))).toThrow(/cannot be read/);
    expect(() => text(answer('', { body: Buffer.from([0x22, 0xff, 0x22]) }))).toThrow(/not UTF-8/);
  });

  it('are not read deeper than 64 levels', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}{"uploadUrl":1}${']'.repeat(depth)}`;
    expect(text(answer(nested(63)))).toBe(`${'['.repeat(63)}{}${']'.repeat(63)}`);
    expect(() => text(answer(nested(65)))).toThrow(/cannot be read/);
    expect(() => text(answer(nested(200_000)))).toThrow(/cannot be read/);
  });
});

describe('a large answer', () => {
  it('is read in steps, so that others have their turn', () => {
    const page = { value: Array.from({ length: 100_000 }, (_, index) => ({ id: index, uploadUrl: 'x' })) };
    const steps = rewriteSteps(answer(page), rules());
    let count = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) count += 1;
    expect(count).toBeGreaterThan(10);
    expect(Buffer.from(step.value.body).includes('uploadUrl')).toBe(false);
  });

  /** Longer than a step, with a character of two halves where one ends. */
  const long = `${'a'.repeat(999_990)}${'😀'.repeat(300_000)}`;

  it('keeps each character, within a long text and where it is cut', () => {
    expect(JSON.parse(text(answer({ value: [{ uploadUrl: 1, long }, { long }] })))).toEqual({
      value: [{ long }, { long }],
    });
  });

  it('has a name or an escape that stands where a step ends', () => {
    for (const at of [999_988, 999_993, 999_996, 1_000_000]) {
      const before = 'a'.repeat(at);
      expect(JSON.parse(text(answer(`{"x":"${before}","uploadUrl":1,"y":"${long}"}`)))).toEqual({ x: before, y: long });
      expect(JSON.parse(text(answer(`{"x":"${before}","upload\\u0055rl":1,"y":"${long}"}`)))).toEqual({
        x: before,
        y: long,
      });
    }
  });

  it('has at most 50,000 links', () => {
    const links = (count: number): object => ({
      value: Array.from({ length: count }, () => ({
        'members@odata.nextLink': 'https://graph.microsoft.com/v1.0/groups',
      })),
    });
    expect(text(answer(links(50_000)))).toContain('gateway');
    expect(() => text(answer(links(50_001)))).toThrow(
      'The resource answers with more than 50000 links. Ask for fewer objects, for example with $top.',
    );
  });
});

describe('editSteps', () => {
  const edits = (dropped: string): JsonEdits => ({
    member: (name) => (name === dropped ? 'drop' : undefined),
    object: () => undefined,
  });

  it('leaves every text unchanged that has nothing to edit', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (written) => {
        expect(editJson(written, edits('no such name'))).toBe(written);
      }),
    );
  });

  it('removes a name exactly as a parser would', () => {
    const without = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(without);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).flatMap(([name, item]) => (name === 'x"\\' ? [] : [[name, without(item)]])),
      );
    };
    // JSON.parse of Node 24 can mistake names with escapes.
    const tokensOf = (json: string): string[] => {
      const tokens: string[] = [];
      scanJson(json, (_token, from, to) => tokens.push(json.slice(from, to)));
      return tokens;
    };
    const key = fc.constantFrom('a', 'x"\\', 'b\\', '"');
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        fc.string(),
        fc.double(),
        fc.constant(null),
        fc.array(tie('tree')),
        fc.dictionary(key, tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.nat(2), (value, indent) => {
        const written = JSON.stringify(value, undefined, indent);
        expect(tokensOf(editJson(written, edits('x"\\')))).toEqual(tokensOf(JSON.stringify(without(value))));
      }),
      { numRuns: 500 },
    );
  });

  it('takes time linear in the length of the text', () => {
    const seconds = (count: number): number => {
      const written = `[${'{"a":"\\\\\\\\\\"x","b":[1,2]},'.repeat(count)}1]`;
      const start = process.cpuUsage();
      editJson(written, edits('a'));
      return process.cpuUsage(start).user;
    };
    seconds(2_000);
    expect(seconds(100_000)).toBeLessThan(100 * Math.max(seconds(10_000), 1_000));
  });
});

describe('the text of an answer', () => {
  const nothing: JsonEdits = { member: () => undefined, object: () => undefined };
  const isRead = (given: string): boolean => {
    try {
      return editJson(given, nothing) === given;
    } catch {
      return false;
    }
  };
  const isJsonText = (given: string): boolean => {
    try {
      JSON.parse(given);
      return true;
    } catch {
      return false;
    }
  };

  it('is read exactly if it is JSON', () => {
    const signs = fc.constantFrom(...'{}[]:,"\\u0041ntrue-.eE1 \n\t\u0001\u00a0/', 'null', '"a"', '"a":', '[]', '{}');
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 12 }), (parts) => {
        expect(isRead(parts.join(''))).toBe(isJsonText(parts.join('')));
      }),
      { numRuns: 20_000 },
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.nat(), fc.constantFrom(...'{}[]:,"\\0e '), (given, at, sign) => {
        const changed = `${given.slice(0, at % given.length)}${sign}${given.slice(at % given.length)}`;
        expect([isRead(given), isRead(changed)]).toEqual([true, isJsonText(changed)]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('with an object of very many members is refused', () => {
    expect(isRead(`{${'"a":1,'.repeat(9_999)}"b":1}`)).toBe(true);
    expect(isRead(`{${'"a":1,'.repeat(10_000)}"b":1}`)).toBe(false);
  });
});

describe('a long answer that was changed', () => {
  it.each([
    ['with two bytes', 'ü', ''],
    ['of two halves, from an even place', '😀', ''],
    ['of two halves, from an odd place', '😀', 'a'],
  ])('keeps its characters %s', (_, character, before) => {
    const long = before + character.repeat(2 * pieceLength);
    expect(read({ uploadUrl: 1, a: long }) as object).toEqual({ a: long });
  });

  it.each([1, pieceLength - 8, pieceLength - 7, 2 * pieceLength])('is whole with a text of %i characters', (length) => {
    const long = 'a'.repeat(length);
    expect(text(answer({ uploadUrl: 1, a: long }))).toBe(JSON.stringify({ a: long }));
  });

  it('is encoded piece by piece, each in a step of its own', () => {
    const steps = rewriteSteps(answer({ uploadUrl: 1, a: '😀'.repeat(2 * pieceLength) }), rules());
    const from = vi.spyOn(Buffer, 'from');
    onTestFinished(() => from.mockRestore());
    const lengths: number[] = [];
    for (let isDone = false; !isDone; from.mockClear()) {
      isDone = steps.next().done === true;
      lengths.push(from.mock.calls.reduce((sum, [piece]) => sum + (piece as unknown as string).length, 0));
    }
    expect(lengths.filter((length) => length > 0)).toHaveLength(5);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(pieceLength + 1);
  });
});
