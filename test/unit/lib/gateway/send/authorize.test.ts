import { describe, expect, it } from 'vitest';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { contoso, portal, stage, usersRule } from './stage.ts';

const fabrikam = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('a rule for the default domain of a tenant, which comes from lists that may be old', () => {
  const byDomain = { ...usersRule, name: 'by domain', tenants: ['contoso.com'] };
  const byId = { ...usersRule, name: 'by id', tenants: [contoso] };

  it('opens the tenant by its id only while Entra says that the domain is its own', async () => {
    const { world, send } = stage([byDomain]);
    expect((await send('/v1.0/users')).status).toBe(200);
    expect(world.lookedUp).toEqual(['contoso.com']);
    world.owner = fabrikam;
    await expect(send('/v1.0/users')).rejects.toThrow(code('caller_forbidden'));
    expect(world.sent).toHaveLength(1);
  });

  it.each([
    ['before the rule for its id', [byDomain, byId], 'by domain'],
    ['after it', [byId, byDomain], 'by id'],
  ])('is tried %s', async (_, rules, serving) => {
    const { world, audit, send } = stage(rules);
    await send('/v1.0/users');
    expect(audit.entries[0]).toMatchObject({ rule: serving });
    expect(world.lookedUp).toEqual(['contoso.com']);
    world.owner = fabrikam;
    await send('/v1.0/users');
    expect(audit.entries.at(-1)).toMatchObject({ rule: 'by id' });
  });

  it('costs no look-up if the same rules apply either way', async () => {
    for (const rules of [
      [byId],
      [usersRule],
      [{ ...byDomain, resources: ['arm'], scopes: undefined, requests: { paths: ['/x'] } }, byId],
    ]) {
      const { world, send } = stage(rules);
      await send('/v1.0/users');
      expect(world.lookedUp).toEqual([]);
    }
    const { world, send } = stage([{ ...usersRule, tenants: [fabrikam] }]);
    await expect(send('/v1.0/users')).rejects.toThrow(code('caller_forbidden'));
    expect(world.lookedUp).toEqual([]);
  });

  it('costs one if another rule would apply, though as many', async () => {
    const except = { ...usersRule, name: 'all but contoso.com', except: ['contoso.com'] };
    const { world, audit, send } = stage([except, byDomain]);
    world.owner = fabrikam;
    await send('/v1.0/users');
    expect(audit.entries[0]).toMatchObject({ rule: 'all but contoso.com' });
    world.owner = contoso;
    await send('/v1.0/users');
    expect(audit.entries.at(-1)).toMatchObject({ rule: 'by domain' });
  });
});

describe('the record of a denied request', () => {
  const none = { ...usersRule, tenants: [fabrikam] };
  const denied = async (tenant: string, rules: readonly object[] = [none], caller = portal) => {
    const { audit, send } = stage(rules);
    const thrown: unknown = await send('/v1.0/users', { tenant }, caller).catch((error: unknown) => error);
    expect(audit.entries).toHaveLength(1);
    return { thrown, entry: audit.entries[0] };
  };

  it('has the tenant that was asked for, as soon as it is known', async () => {
    const stranger = { ...portal, applicationId: 'cccccccc-0000-4000-8000-000000000009' };
    expect((await denied(contoso, [none], stranger)).entry).toMatchObject({ tenantId: contoso, tenantAsked: contoso });
    const { entry, thrown } = await denied('contoso.com');
    expect(thrown).toEqual(code('caller_forbidden'));
    expect(entry).toMatchObject({ tenantId: contoso, tenantAsked: 'contoso.com', code: 'caller_forbidden' });
    expect((await denied('contoso.com', [none], stranger)).entry).not.toHaveProperty('tenantId');
    expect((await denied('nobody.example', [usersRule])).entry).not.toHaveProperty('tenantId');
  });
});
