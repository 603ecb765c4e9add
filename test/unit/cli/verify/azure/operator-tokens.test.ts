import { expect, it } from 'vitest';
import { operatorTokens } from '../../../../../src/cli/verify/azure/operator-tokens.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

const hour = 3_600_000;

it('asks once per resource until the token expires within five minutes', async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  const getToken = async (scope: string) => {
    asked.push(scope);
    return { token: `token ${asked.length}`, expiresOnTimestamp: clock.nowMs() + hour };
  };
  let signIns = 0;
  const tokens = operatorTokens(async () => ((signIns += 1), { getToken: (scope) => getToken(String(scope)) }), clock);
  expect([await tokens('https://arm'), await tokens('https://arm'), await tokens('https://logs')]).toEqual([
    'token 1',
    'token 1',
    'token 2',
  ]);
  await clock.advance(hour - 300_000);
  expect(await tokens('https://arm')).toBe('token 3');
  expect(asked).toEqual(['https://arm/.default', 'https://logs/.default', 'https://arm/.default']);
  expect(signIns).toBe(1);
});

it('fails when the sign-in returns no token', async () => {
  const tokens = operatorTokens(async () => ({ getToken: async () => null }), new FakeClock());
  await expect(tokens('https://arm')).rejects.toThrow('no token for https://arm');
});
