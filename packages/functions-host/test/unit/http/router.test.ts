import { describe, expect, it } from 'vitest';
import { findRoute, httpRoute, type HttpRoute, sortRoutes } from '../../../src/http/router.ts';

const route = (name: string, template: string | undefined, methods: string[] = ['GET'], prefix = 'api'): HttpRoute =>
  httpRoute({ name, bindings: { x: { type: 'httpTrigger', direction: 'in', route: template, methods } } }, prefix);

/** The name of the matching function and its parameters. */
function find(routes: readonly HttpRoute[], path: string, method = 'GET'): unknown {
  const match = findRoute(sortRoutes(routes), method, path);
  return match && [match.route.functionName, match.params];
}

const params = (template: string, path: string): unknown =>
  findRoute([route('f', template, ['GET'], '')], 'GET', path)?.params;

describe('httpRoute and findRoute', () => {
  it('adds the prefix, and uses the function name if there is no route', () => {
    expect(find([route('Hello', undefined)], '/api/hello')).toEqual(['Hello', {}]);
    expect(find([route('f', '/a/b/')], '/api/a/b')).toEqual(['f', {}]);
    expect(find([route('f', 'a', ['GET'], '')], '/a')).toEqual(['f', {}]);
    expect(find([route('f', 'a', ['GET'], 'x/y')], '/x/y/a/')).toEqual(['f', {}]);
  });

  it('prefers literal segments over constrained ones, those over plain ones, and tries catch-alls last', () => {
    const all = [
      route('all', '{*rest}'),
      route('plain', 'a/{b}'),
      route('constrained', 'a/{b:int}'),
      route('literal', 'a/1'),
      route('mixed', 'a/v{b}'),
    ];
    expect(find(all, '/api/a/1')).toEqual(['literal', {}]);
    expect(find(all, '/api/a/2')).toEqual(['constrained', { b: '2' }]);
    expect(find(all, '/api/a/v2')).toEqual(['mixed', { b: '2' }]);
    expect(find(all, '/api/a/x')).toEqual(['plain', { b: 'x' }]);
    expect(find(all, '/api/a/x/y')).toEqual(['all', { rest: 'a/x/y' }]);
    expect(find(all, '/api')).toEqual(['all', {}]);
  });

  it('selects among routes with the same path by method', () => {
    const both = [route('get', 'a/{b}', ['GET']), route('post', 'a/{b}', ['POST']), route('any', '{*rest}', [])];
    expect(find(both, '/api/a/1', 'POST')).toEqual(['post', { b: '1' }]);
    expect(find(both, '/api/a/1', 'DELETE')).toEqual(['any', { rest: 'a/1' }]);
  });

  it('takes the path as it is decoded', () => {
    expect(params('{a}/{b}', '/x%2Fy/%C3%BC')).toEqual({ a: 'x%2Fy', b: '%C3%BC' });
  });

  it.each([
    ['{a?}', '/', {}],
    ['x/{a?}', '/x', {}],
    ['x/{a=5}', '/x', { a: '5' }],
    ['{a:int?}', '/x', undefined],
    ['{a}-{b}', '/x-y-z', { a: 'x', b: 'y-z' }],
    ['file.{ext:alpha}', '/FILE.txt', { ext: 'txt' }],
    ['{{literal}}', '/{literal}', {}],
    ['{**path}', '/a/b', { path: 'a/b' }],
    ['a.b', '/axb', undefined],
  ])('matches the template %s against the path %s', (template, path, expected) => {
    expect(params(template, path)).toEqual(expected);
  });

  it.each([
    ['int', ['1', '-2147483648', '2147483647'], ['2147483648', '1.5', 'a', '']],
    ['long', ['9223372036854775807'], ['9223372036854775808']],
    ['bool', ['true', 'False'], ['1', 'yes']],
    ['guid', ['00000000-0000-0000-0000-00000000000a'], ['00000000-0000-0000-0000-00000000000g']],
    ['decimal', ['1.5', '-2'], ['1e5', 'x']],
    ['double', ['1e5'], ['x']],
    ['datetime', ['2026-01-01'], ['never']],
    ['alpha', ['abcXYZ'], ['a1']],
    ['length(3)', ['abc'], ['ab', 'abcd']],
    ['length(2,3)', ['ab', 'abc'], ['a', 'abcd']],
    ['minlength(2)', ['ab'], ['a']],
    ['maxlength(2)', ['ab'], ['abc']],
    ['min(18)', ['18', '99'], ['17', 'x']],
    ['max(18)', ['18', '-1'], ['19']],
    ['range(1,5)', ['1', '5'], ['0', '6']],
    [String.raw`regex(^\d{{2}}-[a-z/]+$)`, ['12-ab', '12-AB'], ['1-ab', '12-1']],
    ['int:min(5)', ['5'], ['4']],
  ])('applies the constraint %s', (constraint, accepted, rejected) => {
    for (const value of accepted) expect(params(`{a:${constraint}}`, `/${value}`)).toEqual({ a: value });
    for (const value of rejected) expect(params(`{a:${constraint}}`, `/${value}`)).toBeUndefined();
  });

  it.each(['{a', 'a}', '{}', '{a}/{A}', '{*a}/b', '{a:nonsense}', '{a:length(x)}', 'a//b', '{a:constructor}'])(
    'rejects the template %s and names the function',
    (template) => {
      expect(() => route('broken', template)).toThrow(/The route of function "broken" is not valid/);
    },
  );
});
