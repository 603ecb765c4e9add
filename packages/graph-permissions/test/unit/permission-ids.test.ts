import { describe, expect, it } from 'vitest';
import { partnerEntries } from '../../src/partner-table.ts';
import { publishedPermissions } from '../../src/permission-ids.ts';

describe('publishedPermissions', () => {
  it('has ids for delegated and application permissions', () => {
    const published = publishedPermissions();
    expect(published.size).toBeGreaterThan(800);
    // "Microsoft Graph permissions reference"
    expect(published.get('User.Read')).toEqual({
      scope: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d',
      userConsent: true,
      role: undefined,
    });
    expect(published.get('User.Read.All')).toEqual({
      scope: 'a154be20-db9c-4678-8ab7-66f6cc099a59',
      userConsent: false,
      role: 'df021288-bdef-4463-88db-98f22de89214',
    });
    for (const { scope, role } of published.values()) {
      for (const id of [scope, role]) expect(id ?? '0').toMatch(/^(?:0|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/);
    }
  });

  it('has every permission of the table of what partners use', () => {
    const published = publishedPermissions();
    const missing = partnerEntries().filter(({ permission, scheme }) => {
      const known = published.get(permission);
      return (scheme === 'delegated' ? known?.scope : known?.role) === undefined;
    });
    // Microsoft publishes no id for it.
    expect([...new Set(missing.map(({ permission }) => permission))]).toEqual(['AppRegistration.Create']);
  });
});
