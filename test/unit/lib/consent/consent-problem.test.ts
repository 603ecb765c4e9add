import { expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import {
  concernsCustomer,
  isSuccess,
  isUnknown,
  isWithdrawalRefused,
  problemOf,
  readingProblem,
} from '../../../../src/lib/consent/consent-problem.ts';

const answer = (status: number, code = '', message = '') => ({ status, code, message, retryAfterSeconds: undefined });

it.each([
  [answer(401, '900421'), 'interaction_required', /without MFA \(401 900421\)/, /`ptb consent` and sign in with MFA/],
  [answer(401, '', 'Unauthorized - MFA required'), 'interaction_required', /without MFA \(401\)/, /sign in with MFA/],
  [answer(401, '900401'), 'access_denied', /refuses the token/, /`ptb doctor`/],
  [
    answer(403, '20002'),
    'access_denied',
    /refuses access to this customer/,
    /AdminAgents.*Cloud Application Administrator/,
  ],
  [
    answer(403, '900309'),
    'blocked_by_policy',
    /policy of the customer blocks service providers/,
    /exclude service provider users/,
  ],
  [
    answer(403, '90000'),
    'blocked_by_policy',
    /service providers \(Partner Center answers 403 90000\)/,
    /exclude service/,
  ],
  [answer(404, '60003'), 'tenant_unknown', /does not find the customer/, /reseller or GDAP relationship/],
  [answer(409, '2000'), 'consent_required', /answers that the consent exists/, /`ptb tenants consent --renew`/],
  [answer(429), 'throttled', /throttles/, /Wait a minute/],
  [{ ...answer(429), retryAfterSeconds: 45 }, 'throttled', /throttles/, /Wait 45 seconds\./],
  [answer(500), 'resource_error', /answers 500\./, /Run the command again\./],
  [answer(0, '', 'No answer came.'), 'resource_error', /^No answer came\.$/, /^Run the command again\.$/],
  [answer(400, '2000', 'Ends.'), 'job_failed', /It says: Ends\.$/, /display name/],
  [answer(499), 'job_failed', /refuses the consent \(499\)\.$/, /display name/],
  [answer(400, '2000', 'Wrong name'), 'job_failed', /\(400 2000\)\. It says: Wrong name\.$/, /display name/],
])('explains %j with %s and a next step', (given, code, detail, nextStep) => {
  const problem = problemOf(given, 'default');
  expect(problem.code).toBe(code);
  expect(problem.detail).toMatch(detail);
  expect(problem.nextStep).toMatch(nextStep);
  // The role that Microsoft no longer advises.
  expect(problem.nextStep).not.toContain('Privileged');
});

it('names the application in the commands', () => {
  expect(problemOf(answer(401, '900421'), 'reader').nextStep).toContain('`ptb consent --application reader`');
});

it.each<[number, boolean, boolean, boolean, boolean, boolean]>([
  // The status, and whether it is a success, unknown, a withdrawal that changed nothing, and about the customer: without and
  // with an earlier request that was accepted.
  [0, false, true, false, false, false],
  [199, false, false, true, false, false],
  [200, true, false, false, false, false],
  [299, true, false, false, false, false],
  [300, false, false, true, false, false],
  [401, false, false, true, true, true],
  [403, false, false, true, true, false],
  [404, false, false, false, true, false],
  [409, false, false, true, false, false],
  [429, false, false, true, true, true],
  [499, false, false, true, false, false],
  [500, false, true, false, false, false],
])('judges the status %i', (status, success, unknown, refused, customer, customerWithAccess) => {
  const given = answer(status);
  expect([isSuccess(given), isUnknown(given), isWithdrawalRefused(given)]).toEqual([success, unknown, refused]);
  expect([concernsCustomer(given, false), concernsCustomer(given, true)]).toEqual([customer, customerWithAccess]);
  expect(isWithdrawalRefused({ ...given, mayHaveWorked: true })).toBe(false);
});

it('passes on why else a consent could not be read, with what to do for this application', () => {
  const problem = readingProblem(new BrokerError('consent_required', 'Not there.'), 'reader');
  expect(problem).toMatchObject({ code: 'consent_required', detail: 'Not there.' });
  expect(problem.nextStep).toContain('--application reader');
});

it.each([
  [new BrokerError('access_denied', 'Denied.'), /a role there that reads the directory/],
  [
    new BrokerError('consent_required', 'Disabled.', { logFields: { aadsts: 7000112 } }),
    /enable the enterprise application/,
  ],
  [new BrokerError('blocked_by_policy', 'Blocked.'), /exclude service provider users/],
])('explains why a consent could not be read: %s', (error, nextStep) => {
  expect(readingProblem(error, 'default')).toMatchObject({ code: error.code });
  expect(readingProblem(error, 'default').nextStep).toMatch(nextStep);
});
