import { afterEach, describe, expect, it } from 'vitest';
import { ask } from './request.ts';
import { end, keys, serve, type Served } from './served.ts';

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await end(served);
});

async function start(): Promise<Served> {
  const served = await serve();
  open.push(served);
  return served;
}

describe('the admin API', () => {
  const admin = async (served: Served, path: string, method = 'GET', body?: string) => {
    const answer = await ask(served.port, `/admin${path}`, {
      method,
      headers: { 'x-functions-key': keys.master },
      ...(body === undefined ? {} : { body }),
    });
    return [answer.status, answer.body === '' ? '' : (JSON.parse(answer.body) as unknown)];
  };

  it('tells the state of the host and its functions', async () => {
    const served = await start();
    const nightly = { name: 'Nightly', trigger: 'timerTrigger' };
    expect(await admin(served, '/host/status')).toEqual([
      200,
      { id: 'local', state: 'Running', version: '4.1000.0-local', processUptime: 2_500, errors: [] },
    ]);
    expect(await admin(served, '/functions')).toEqual([200, [{ name: 'forAll', trigger: 'httpTrigger' }, nightly]]);
    expect(await admin(served, '/functions/nightly')).toEqual([200, nightly]);
  });

  it.each([
    ['POST', '/host/status'],
    ['GET', '/host/keys'],
    ['GET', '/other/status'],
    ['GET', '/other/ping'],
    ['POST', '/functions'],
    ['GET', '/functions/nobody'],
    ['PUT', '/functions/Nightly'],
    ['POST', '/functions/nobody'],
    ['POST', '/other/Nightly'],
  ])('has no %s %s', async (method, path) => {
    const served = await start();
    expect(await admin(served, path, method)).toEqual([404, '']);
    expect(served.started).toEqual([]);
  });

  it.each([
    ['', undefined],
    [' \n', undefined],
    ['{}', undefined],
    ['{"input":"text"}', 'text'],
    ['{"input":{"a":1}}', '{"a":1}'],
    ['{"input":null}', 'null'],
    ['{"input":0}', '0'],
  ])('starts a function with the body %j', async (body, input) => {
    const served = await start();
    expect(await admin(served, '/functions/Nightly', 'POST', body)).toEqual([202, '']);
    expect(served.started).toEqual([input]);
  });

  it.each(['[]', 'null', '3', '"input"', '{'])('refuses the body %s', async (body) => {
    const served = await start();
    expect(await admin(served, '/functions/Nightly', 'POST', body)).toEqual([
      400,
      { message: 'The body must be a JSON object with the member "input".' },
    ]);
    expect(served.started).toEqual([]);
  });
});
