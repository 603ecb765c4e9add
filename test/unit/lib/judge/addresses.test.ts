import { describe, expect, it } from 'vitest';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import type { Verdict } from '../../../../src/lib/judge/verdict.ts';

const item = '/v1.0/drives/0a1b/items/0a1c';
const paths = [
  '',
  '/permissions',
  '/permissions/{id}',
  '/thumbnails',
  '/children',
  '/children/{id}',
  '/children/{id}/permissions',
  '/versions',
];

const opening = (opened: readonly string[]): object => ({
  authorizationType: 'oAuth2',
  schemes: {},
  pathSets: [
    { schemeKeys: ['DelegatedWork'], methods: ['GET'], paths: Object.fromEntries(opened.map((path) => [path, ''])) },
  ],
});

/** A file that opens an item and what it holds. */
const { map } = parsePublishedFile(
  JSON.stringify({
    permissions: {
      'User.Read.All': opening(['/users']),
      'Files.Read.All': opening(paths.map((path) => `/drives/{id}/items/{id}${path}`)),
    },
  }),
);

const judged = (path: string): Verdict =>
  judgeRequest(
    map,
    {
      scheme: 'delegated',
      permissions: new Set(['Files.Read.All']),
      beta: false,
      me: false,
      host: 'graph.microsoft.com',
    },
    { method: 'GET', url: `${item}${path}` },
  );

/** The removed properties, or the reason of the refusal. */
const removed = (path: string): string => {
  const verdict = judged(path);
  return verdict.allowed ? verdict.answer.remove.join() : verdict.reason;
};

describe('addresses that work without a token', () => {
  it.each([
    '/thumbnails',
    '?$expand=thumbnails',
    '?$expand=Thumbnails($select=large)',
    '?$select=id,thumbnails',
    '?$select=thumbnails/large',
    '?$expand=children($expand=thumbnails)',
    '?$expand=children($select=thumbnails)',
    // The map does not list thumbnails here.
    '/versions?$select=thumbnails',
  ])('are refused through a query: %s', (path) => {
    expect(removed(path)).toMatch(/answers with an address that works without a token/);
  });

  it.each([
    '/permissions',
    "/permissions('a')",
    '?$expand=permissions',
    '?$expand=children($expand=Permissions)',
    '?$select=id,permissions',
    '/versions?$select=permissions',
  ])('are removed from sharing permissions: %s', (path) => {
    expect(removed(path).split(',')).toEqual(expect.arrayContaining(['link', 'shareId']));
  });

  it('are removed only where they are', () => {
    expect(removed('?$select=id,name').split(',')).not.toContain('link');
    expect(removed('').split(',')).toContain('thumbnails');
  });
});
