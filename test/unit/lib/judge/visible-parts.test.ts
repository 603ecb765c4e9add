import { describe, expect, it } from 'vitest';
import { type AnswerLimits, visibleParts } from '../../../../src/lib/judge/verdict.ts';

const limits = (more: Partial<AnswerLimits> = {}): AnswerLimits => ({
  remove: [],
  readableTypes: ['user'],
  anyFormat: false,
  ...more,
});
const member = (name: string, text?: string) => ({ name, text });
const typed = (type: string, ...more: readonly string[]) => [
  member('@odata.type', type),
  member('id', 'a'),
  member('displayName', 'Ada'),
  ...more.map((name) => member(name, 'x')),
];
/** The names of the members that an object keeps. */
const keptOf = (members: ReturnType<typeof typed>, within: readonly string[], more: Partial<AnswerLimits> = {}) =>
  visibleParts(limits(more))
    .kept(members, within)
    ?.map(({ name }) => name);

describe('members of an answer', () => {
  const { hides } = visibleParts(limits({ remove: ['secret', '@microsoft.graph.downloadUrl'] }));
  it.each([
    ['secret', true],
    ['Secret', false],
    ['my-secret', false],
    ['secrets', false],
    ['@microsoft.graph.downloadUrl', true],
    ['content@microsoft.graph.downloadUrl', true],
    ['@microsoft.graph.downloadUrls', false],
  ])('%s is removed: %s', (name, expected) => {
    expect(hides(name)).toBe(expected);
  });
});

describe('an object', () => {
  it('of a type that the rule may read keeps everything', () => {
    expect(keptOf(typed('#microsoft.graph.user'), [], { typedMembers: [''] })).toBeUndefined();
  });

  it('of another type of the directory keeps its type and id', () => {
    expect(keptOf(typed('#microsoft.graph.group'), ['manager'])).toEqual(['@odata.type', 'id']);
    const short = [member('@type', '#microsoft.graph.group'), member('id', 'a'), member('mail', 'x')];
    expect(keptOf(short, [])).toEqual(['@type', 'id']);
  });

  it('keeps neither a type nor an id that is no text', () => {
    expect(keptOf([...typed('#microsoft.graph.group'), member('id')], [])).toEqual(['@odata.type', 'id']);
    expect(keptOf([member('@odata.type'), member('id')], [], { typedMembers: [''] })).toEqual([]);
  });

  it('of a type that is none of the directory keeps everything', () => {
    expect(keptOf(typed('#microsoft.graph.assignedLicense'), ['licenses'])).toBeUndefined();
  });

  it('with two types is of a readable one only if both are', () => {
    const two = [member('@type', '#microsoft.graph.group'), ...typed('#microsoft.graph.user')];
    expect(keptOf(two, [])).toEqual(['@type', '@odata.type', 'id']);
  });

  it('is not limited where the answer has one type', () => {
    expect(keptOf(typed('#microsoft.graph.group'), [], { readableTypes: undefined })).toBeUndefined();
    expect(keptOf(typed('#microsoft.graph.group'), [], { readableTypes: [] })).toEqual(['@odata.type', 'id']);
  });
});

describe('an object without a type', () => {
  const untyped = [member('id', 'a'), member('displayName', 'Ada')];
  it.each<[readonly string[], readonly string[] | undefined, boolean]>([
    [[], undefined, false],
    [[], [''], true],
    [['value'], [''], true],
    [['value'], ['members'], false],
    [['members'], ['members'], true],
    [['Members'], ['members'], true],
    [['members@delta'], ['members'], true],
    [['members@deltas'], ['members'], false],
    [['value', 'members'], ['members'], true],
    [['members', 'value'], ['members'], false],
    [['x', 'value'], [''], false],
    [['x'], [''], false],
  ])('in %j, where each of %j must show one, is limited: %s', (within, typedMembers, isLimited) => {
    const kept = keptOf(untyped, within, typedMembers === undefined ? {} : { typedMembers });
    expect(kept).toEqual(isLimited ? ['id'] : undefined);
  });

  it('that holds the objects of the answer is none of them', () => {
    expect(keptOf([...untyped, member('value')], [], { typedMembers: [''] })).toBeUndefined();
  });
});
