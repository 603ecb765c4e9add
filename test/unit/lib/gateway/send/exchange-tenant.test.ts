import { describe, expect, it } from 'vitest';
import { adminSegments, checkAnchor, isExchangeHost } from '../../../../../src/lib/gateway/send/judge-non-graph.ts';
import { Refusal } from '../../../../../src/lib/judge/verdict.ts';
import { contoso } from './stage.ts';

const tenant = { requested: 'Contoso.com', tenantId: contoso };

describe('the tenant in a path of Exchange', () => {
  it.each<[string, string]>([
    [`adminapi/beta/${contoso}/Mailbox`, `adminapi/beta/${contoso}/Mailbox`],
    ['AdminApi/V1.0/contoso.COM/a/b', `adminapi/v1.0/${contoso}/a/b`],
    ['adminapi/v12.34/contoso.com', `adminapi/v12.34/${contoso}`],
    ['api/v2.0/users', 'api/v2.0/users'],
  ])('%s is sent as %s', (path, sent) => {
    expect(adminSegments(path.split('/'), tenant).join('/')).toBe(sent);
  });

  it.each<[string, Refusal['kind']]>([
    ['adminapi/beta/fabrikam.com/Mailbox', 'not-permitted'],
    ['adminapi/beta', 'unreadable'],
    ['adminapi', 'unreadable'],
    ['adminapi/v1/contoso.com/Mailbox', 'unreadable'],
    ['adminapi/xv1.0/contoso.com/Mailbox', 'unreadable'],
    ['adminapi/v1.0x/contoso.com/Mailbox', 'unreadable'],
    ['adminapi/contoso.com/Mailbox', 'unreadable'],
  ])('%s is refused as %s', (path, kind) => {
    expect(() => adminSegments(path.split('/'), tenant)).toThrow(expect.objectContaining({ kind }));
  });
});

describe('X-AnchorMailbox', () => {
  it.each(['UPN:admin@contoso.com', `UPN:admin@${contoso}`, 'UPN:a@ CONTOSO.com '])('%s is of the tenant', (anchor) => {
    expect(() => checkAnchor(anchor, tenant)).not.toThrow();
  });

  it.each(['UPN:admin@fabrikam.com', 'UPN:a@contoso.com@fabrikam.com', '@contoso.com', 'contoso.com', ''])(
    '%s is not',
    (anchor) => {
      expect(() => checkAnchor(anchor, tenant)).toThrow(Refusal);
    },
  );
});

it.each([
  ['https://outlook.office365.com', true],
  ['https://nam.ps.compliance.protection.outlook.com/x', true],
  ['https://Outlook.Office.com.', true],
  ['https://outlook.office365.us', true],
  ['https://notoutlook.com', false],
  ['https://outlook.com.evil.example', false],
  ['', false],
])('%s leads to Exchange: %s', (baseUrl, expected) => {
  expect(isExchangeHost(baseUrl)).toBe(expected);
});
