import { describe, expect, it } from 'vitest';
import { orderOf, standardResources } from '../../../../clients/typescript/src/scopes.ts';
import { clouds } from '../../../../src/lib/model/clouds.ts';

const order = (...scopes: string[]) => orderOf(scopes, standardResources);

describe('the order that stands for scopes', () => {
  it.each([
    ['https://graph.microsoft.com/.default', 'graph', []],
    ['https://graph.microsoft.com/User.Read.All', 'graph', ['User.Read.All']],
    ['User.Read', 'graph', ['User.Read']],
    ['https://management.azure.com/.default', 'arm', []],
    ['https://management.azure.com//.default', 'arm', []],
    ['https://management.core.windows.net//.default', 'arm', []],
    ['HTTPS://Outlook.Office365.com/.default', 'exchange', []],
  ])('of %s is %s %j', (scope, resource, scopes) => {
    expect(order(scope)).toEqual({ resource, scopes });
  });

  it('takes what belongs together, in a list or in one string, each once', () => {
    const both = { resource: 'graph', scopes: ['Group.Read.All', 'User.Read.All'] };
    expect(order('https://graph.microsoft.com/User.Read.All', 'Group.Read.All', 'User.Read.All')).toEqual(both);
    expect(orderOf('User.Read.All Group.Read.All openid offline_access', standardResources)).toEqual(both);
  });

  it('is none for several resources, an unknown one, or nothing', () => {
    expect(() => order('https://graph.microsoft.com/.default', 'https://management.azure.com/.default')).toThrow(
      /several resources/,
    );
    expect(() => order('https://evil.example/.default')).toThrow(/no resource that is known/);
    expect(() => order('https://graph.microsoft.com.evil.example/.default')).toThrow(/no resource that is known/);
    expect(() => order()).toThrow(/No scope/);
    expect(() => order('openid')).toThrow(/No scope/);
  });

  it('knows a resource that the operator has added', () => {
    const added = { ...standardResources, 'https://api.securitycenter.microsoft.com': 'defender' };
    expect(orderOf('https://api.securitycenter.microsoft.com/.default', added)).toEqual({
      resource: 'defender',
      scopes: [],
    });
  });

  it('knows every resource that the broker has, in every cloud', () => {
    for (const { resources } of Object.values(clouds)) {
      for (const [alias, identifier] of Object.entries(resources) as [string, string][]) {
        expect(order(`${identifier}/.default`).resource).toBe(alias);
      }
    }
  });
});
