import { describe, expect, it } from 'vitest';
import { guid } from './small-engine.ts';
import { fresh, get, query } from './engine-data.ts';

describe('names', () => {
  it.each([
    ['/v1.0/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/users/' + guid(1) + '/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/deviceManagement/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/administrativeUnits', "Resource not found for the segment 'administrativeUnits'."],
    [`/v1.0/users/${guid(1)}/microsoft.graph.group`, "Resource not found for the segment 'microsoft.graph.group'."],
  ])('%s is unknown to Graph as well', (address, message) => {
    expect(get(address)).toMatchObject({ status: 400, code: 'BadRequest', message, unmatched: true });
  });

  it.each([
    [
      { $select: 'id,nonsense' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $expand: 'nonsense' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $expand: 'manager($select=nonsense)' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.directoryObject'.",
    ],
    [
      { $filter: "nonsense eq 'x'" },
      "Invalid filter clause: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $orderby: 'nonsense' },
      "Invalid $orderby clause: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [{ $nonsense: '1' }, "The query parameter '$nonsense' is not supported."],
    [{ $filter: 'accountEnabled eq' }, "Invalid filter clause: Syntax error at position 17 in 'accountEnabled eq'."],
    [
      { $filter: "accountEnabled eq 'true'" },
      "Invalid filter clause: A binary operator with incompatible types was detected. Found operand types 'Edm.Boolean' and 'Edm.String' for operator kind 'Equal'.",
    ],
    [
      { $top: 'x' },
      "Invalid value 'x' for $top query option found. The $top query option requires a non-negative integer value.",
    ],
  ])('%j is refused with Graph’s message', (options, message) => {
    expect(get(query('users', options))).toMatchObject({ status: 400, code: 'BadRequest', message, unmatched: false });
  });

  it('are found without regard to case, and options without the dollar sign', () => {
    expect(get('/v1.0/USERS?select=DISPLAYNAME&top=1').rows).toEqual([{ displayName: 'Person 0' }]);
  });

  it('differ between version 1.0 and beta', () => {
    expect(get(query('users', { $select: 'cloudRealtimeCommunicationInfo' })).status).toBe(400);
    expect(get('/beta/users?$select=cloudRealtimeCommunicationInfo&$top=1').rows).toEqual([
      { cloudRealtimeCommunicationInfo: null },
    ]);
  });
});

describe('a collection without data is a guess, which the ledger calls unmatched', () => {
  it.each(['contacts', 'deviceManagement/deviceCategories', `users/${guid(1)}/messages`])('%s is empty', (path) => {
    expect(get(`/v1.0/${path}`)).toMatchObject({ status: 200, rows: [], unmatched: true });
    expect(get(query(path, { $filter: 'nonsense eq 1' })).status).toBe(400);
  });

  it('has no objects', () => {
    expect(get(`/v1.0/contacts/${guid(1)}`)).toMatchObject({
      status: 404,
      code: 'Request_ResourceNotFound',
      unmatched: true,
    });
    expect(get(`/v1.0/users/${guid(999)}/messages`)).toMatchObject({ status: 404, unmatched: false });
  });

  it('is a guess in $expand as well, and so is a property that no row has', () => {
    expect(get(query('users', { $expand: 'extensions', $top: '1' }))).toMatchObject({ status: 200, unmatched: true });
    expect(get(query('users', { $expand: 'manager', $top: '1' }))).toMatchObject({ status: 200, unmatched: false });
    expect(get(`/v1.0/users/${guid(1)}/aboutMe`)).toMatchObject({ status: 204, unmatched: true });
    for (const path of ['users', `users/${guid(1)}`]) {
      expect(get(query(path, { $select: 'id,aboutMe' }))).toMatchObject({ status: 200, unmatched: true });
      expect(get(query(path, { $select: 'id,displayName' }))).toMatchObject({ status: 200, unmatched: false });
    }
    expect(get(query('users', { $filter: "aboutMe eq 'x'" }))).toMatchObject({ status: 400, unmatched: true });
    expect(get(query('users', { $filter: "endswith(displayName,'x')" }))).toMatchObject({
      status: 400,
      unmatched: false,
    });
    expect(get('/v1.0/contacts/$count', { consistencylevel: 'eventual' })).toMatchObject({ unmatched: true });
  });

  it('refuses writes, which would be lost', () => {
    expect(fresh().send('POST', '/v1.0/contacts', { displayName: 'x' })).toMatchObject({
      status: 501,
      unmatched: true,
    });
  });
});

describe('singletons and reports', () => {
  it('returns and changes a policy', () => {
    const engine = fresh();
    expect(engine.get('/v1.0/policies/authorizationPolicy').body).toMatchObject({
      allowInvitesFrom: 'everyone',
      blockMsolPowerShell: null,
    });
    expect(engine.send('PATCH', '/v1.0/policies/authorizationPolicy', { allowInvitesFrom: 'nobody' }).status).toBe(400);
    expect(engine.send('PATCH', '/v1.0/policies/authorizationPolicy', { allowInvitesFrom: 'none' }).status).toBe(204);
    expect(engine.get('/v1.0/policies/authorizationPolicy').body['allowInvitesFrom']).toBe('none');
  });

  it('redirects to a CSV file that needs no token and lasts some minutes', () => {
    const engine = fresh();
    const { status, headers } = engine.get("/v1.0/reports/getMailboxUsageDetail(period='D7')");
    expect(status).toBe(302);
    const path = new URL(headers['location'] ?? '').pathname;
    expect(engine.engine.fetchReport(path)?.body).toBe(
      '\uFEFFReport Refresh Date,User Principal Name,Is Deleted,Item Count,Report Period\r\n2026-11-25,"a ""b"", c@a.example",False,17,D7\r\n',
    );
    engine.advance(10 * 60_000);
    expect(engine.engine.fetchReport(path)?.status).toBe(404);
    const json = engine.get("/beta/reports/getMailboxUsageDetail(period='D7')?$format=application/json");
    expect(json.rows).toEqual([
      {
        reportRefreshDate: '2026-11-25',
        userPrincipalName: 'a "b", c@a.example',
        isDeleted: false,
        itemCount: 17,
        reportPeriod: 'D7',
      },
    ]);
  });
});
