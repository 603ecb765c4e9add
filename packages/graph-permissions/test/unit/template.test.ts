import { describe, expect, it } from 'vitest';
import { templateSegments } from '../../src/template.ts';

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
  ])('leaves out %s', (template) => {
    expect(templateSegments(template)).toBeUndefined();
  });
});
