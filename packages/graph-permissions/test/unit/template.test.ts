import { describe, expect, it } from 'vitest';
import { callSegment, templateSegments } from '../../src/template.ts';

describe('templateSegments', () => {
  it.each([
    ['/users/{id}', 'users/{}'],
    ['/Users/{user-id}/memberOf', 'users/{}/memberof'],
    ['/applications/{id}}/repair', 'applications/{}/repair'],
    ['/teams/(team-id)/channels', 'teams/{}/channels'],
    ['/sponsors/', 'sponsors'],
    ["/sites/getOperationStatus(operationId='{id}')", 'sites/getoperationstatus(operationid)'],
    ['/a/cell(row={value}, column={value})', 'a/cell(column,row)'],
    ['/workflows({id})/scope', 'workflows/{}/scope'],
    ['/a/delta()', 'a/delta'],
    ['/a/graph.samlFederation', 'a/microsoft.graph.samlfederation'],
    ['/a/{id}/$ref', 'a/{}/$ref'],
    ['/a/$count', 'a/$count'],
    ['/a/{id}/$value', 'a/{}/$value'],
    ['/a_1/b2', 'a_1/b2'],
    ['/a/microsoft.graph.group', 'a/microsoft.graph.group'],
    ["/a/range(start='{start}',end='{end}')", 'a/range(end,start)'],
    ['/a/range( start = {start} )', 'a/range(start)'],
    ['/a/microsoft.graph.delta( )', 'a/microsoft.graph.delta'],
    ["/users(upn='{upn}')", 'users(upn)'],
    ['/a/rp/x', 'a/rp/x'],
  ])('reads %s', (template, expected) => {
    expect(templateSegments(template)?.join('/')).toBe(expected);
  });

  it.each([
    "/agents?$filter=a eq '{id}'",
    '/me/mailfolders/{id}/.../messages',
    '/drives/{id}/root:/{path}:/children',
    '/rp/onpremises/spoons',
    '/teams/87654321-0abc-zqf0-321456789q/apps',
    '/privacy/subjectrightsrequests{id}/report',
    '/a/itemat(index={value})range',
    '/a/scope={value}',
    'users',
    '/a//b',
    '/a//',
    '/',
    '',
    '/a/{}',
    '/a/x{id}',
    '/a/{id}x',
    '/a/{a{b}',
    '/a/$filter',
    '/a/x$ref',
    '/a/$refs',
    '/a/b-c',
    '/a/.b',
    '/a/b.',
    '/a/b..c',
    '/a/x(y)',
    '/a/x(y=z)',
    "/a/x(y='{z})x",
    '/a/x({y},{z})',
    '/a/x(y={z}',
    '/a/x(y={z},w)',
    '/a/x(y={z})(w={v})',
    '/a/x(y={z}{w})',
    '/a/(other-id)',
    '/rp/a',
  ])('leaves out %s', (template) => {
    expect(templateSegments(template)).toBeUndefined();
  });
});

it('a call without parameters is its name', () => {
  expect([callSegment('delta', []), callSegment('cell', ['row', 'column'])]).toEqual(['delta', 'cell(column,row)']);
});
