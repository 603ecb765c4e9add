import { describe, expect, it } from 'vitest';
import { isAudienceOf } from '../../../../src/lib/microsoft/redeemer.ts';

const teams = '48ac35b8-9aa8-4d74-927d-1f4a14a0b239';
const defender = 'fc780465-2017-40d4-a0c5-307022471b92';
const other = '11111111-2222-4333-8444-555555555555';

describe('isAudienceOf a built-in resource', () => {
  it.each([
    ['the identifier', 'https://manage.office.com', 'https://manage.office.com'],
    ['a trailing slash', 'https://manage.office.com/', 'https://manage.office.com'],
    ['the application id', 'c5393580-f805-4401-95e8-94b7a6ef2fc2', 'https://manage.office.com'],
    ['the application id of Defender', defender, 'https://api.securitycenter.microsoft.com'],
    ['the newer address of Defender', 'https://api.security.microsoft.com', 'https://api.securitycenter.microsoft.com'],
    [
      'the application id of Exchange for compliance',
      '00000002-0000-0ff1-ce00-000000000000',
      'https://ps.compliance.protection.outlook.com',
    ],
    ['a GUID that is the identifier itself', teams, teams],
    ['a GUID in capitals', teams.toUpperCase(), teams],
  ])('accepts %s', (_, audience, identifier) => {
    expect(isAudienceOf(audience, identifier)).toBe(true);
  });

  it.each([
    [other, teams],
    [other, 'https://manage.office.com'],
    ['https://graph.microsoft.com', 'https://manage.office.com'],
    [teams, 'https://graph.microsoft.com'],
  ])('rejects %s for %s', (audience, identifier) => {
    expect(isAudienceOf(audience, identifier)).toBe(false);
  });
});

describe('isAudienceOf a resource of RESOURCES', () => {
  it('accepts a GUID for an address only if it is configured as the application id', () => {
    expect(isAudienceOf('https://example.com', 'https://example.com')).toBe(true);
    expect(isAudienceOf(other, 'https://example.com')).toBe(false);
    expect(isAudienceOf(other, 'https://example.com', other)).toBe(true);
    expect(isAudienceOf('https://other.example', 'https://example.com')).toBe(false);
  });

  it('accepts only the same GUID for a GUID', () => {
    expect(isAudienceOf(other, other.toUpperCase())).toBe(true);
    expect(isAudienceOf(`api://${other}`, other)).toBe(true);
    expect(isAudienceOf(teams, other)).toBe(false);
    expect(isAudienceOf('https://example.com', other)).toBe(false);
  });
});
