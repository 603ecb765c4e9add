import { describe, expect, it } from 'vitest';
import { parseScopes, standardResources } from '../../../../clients/typescript/src/scopes.ts';
import { aliasByName } from '../../../../src/lib/core/resources.ts';

const parse = (...scopes: string[]) => parseScopes(scopes, standardResources);

describe('parseScopes', () => {
  it.each([
    ['https://graph.microsoft.com/.default', 'graph', []],
    ['https://graph.microsoft.com/User.Read.All', 'graph', ['User.Read.All']],
    ['User.Read', 'graph', ['User.Read']],
    ['https://management.azure.com/.default', 'arm', []],
    ['https://management.azure.com//.default', 'arm', []],
    ['https://management.core.windows.net//.default', 'arm', []],
    ['HTTPS://Outlook.Office365.com/.default', 'exchange', []],
  ])('translates %s to the resource %s with the scopes %j', (scope, resource, scopes) => {
    expect(parse(scope)).toEqual({ resource, scopes });
  });

  it('merges the scopes of one resource, in a list or in one string, without duplicates', () => {
    const both = { resource: 'graph', scopes: ['Group.Read.All', 'User.Read.All'] };
    expect(parse('https://graph.microsoft.com/User.Read.All', 'Group.Read.All', 'User.Read.All')).toEqual(both);
    expect(parseScopes('User.Read.All Group.Read.All openid offline_access', standardResources)).toEqual(both);
  });

  it('rejects several resources, an unknown resource, and an empty list', () => {
    expect(() => parse('https://graph.microsoft.com/.default', 'https://management.azure.com/.default')).toThrow(
      /several resources/,
    );
    expect(() => parse('https://evil.example/.default')).toThrow(/belongs to an unknown resource/);
    expect(() => parse('https://graph.microsoft.com.evil.example/.default')).toThrow(/belongs to an unknown resource/);
    expect(() => parse()).toThrow(/No scope/);
    expect(() => parse('openid')).toThrow(/No scope/);
  });

  it('accepts a resource that the operator added', () => {
    const added = { ...standardResources, 'https://contoso-admin.sharepoint.com': 'sharepoint-contoso' };
    expect(parseScopes('https://contoso-admin.sharepoint.com/.default', added)).toEqual({
      resource: 'sharepoint-contoso',
      scopes: [],
    });
  });

  it('knows the built-in resources of the broker by the same names', () => {
    expect(standardResources).toEqual(Object.fromEntries(aliasByName));
    for (const [name, alias] of aliasByName) expect(parse(`${name}/.default`).resource).toBe(alias);
  });
});
