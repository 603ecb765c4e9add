import { beforeAll, describe, expect, it } from 'vitest';
import { base, durableStage, json, parsed, type Stage } from './http-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await durableStage();
  return stage.stop;
});

describe('a start', () => {
  it('answers with the addresses of the instance, which name hub and key', async () => {
    const answer = await stage.call('POST', '/orchestrators/DOUBLING/id%20one', { body: '21' });
    const at = `http://host.test${base}/instances/id%20one`;
    const query = 'taskHub=My%20Hub&connection=Storage&code=a%20key';
    expect(parsed(answer)).toEqual([
      202,
      {
        id: 'id one',
        statusQueryGetUri: `${at}?${query}`,
        sendEventPostUri: `${at}/raiseEvent/{eventName}?${query}`,
        terminatePostUri: `${at}/terminate?reason={text}&${query}`,
        rewindPostUri: `${at}/rewind?reason={text}&${query}`,
        purgeHistoryDeleteUri: `${at}?${query}`,
        restartPostUri: `${at}/restart?${query}`,
        suspendPostUri: `${at}/suspend?reason={text}&${query}`,
        resumePostUri: `${at}/resume?reason={text}&${query}`,
      },
    ]);
    expect([answer.headers.location, answer.headers['retry-after']]).toEqual([`${at}?${query}`, '10']);
    expect(await stage.engine.finished('id one')).toMatchObject({ name: 'doubling', output: '42', version: '1.0' });
  });

  it('without an id gets a new one, without a body the input null, and takes the version of the query', async () => {
    const { body } = await stage.call('POST', '/orchestrators/doubling?version=2.5');
    const { id } = JSON.parse(body) as { id: string };
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(stage.engine.operations.get(id)?.record).toMatchObject({ input: 'null', version: '2.5' });
  });

  it('is refused with the reason', async () => {
    expect(parsed(await stage.call('POST', '/orchestrators/doubling', { body: '{' }))).toEqual([
      400,
      { message: 'Invalid JSON content' },
    ]);
    expect(parsed(await stage.call('POST', '/orchestrators/doubling/@id'))).toEqual([
      400,
      { message: 'Orchestration instance ids must not start with @.' },
    ]);
    await stage.running('taken');
    expect(parsed(await stage.call('POST', '/orchestrators/doubling/taken'))).toEqual([
      409,
      { message: 'An Orchestration instance with the status Running already exists.' },
    ]);
    expect(await stage.statusOf('POST', '/orchestrators/doubling', { body: 'x'.repeat(1_001) })).toBe(500);
  });
});

describe('an address', () => {
  it.each([
    ['GET', '/orchestrators/doubling'],
    ['POST', '/orchestrators'],
    ['POST', '/orchestrators/doubling/a/b'],
    ['POST', '/orchestrators//a'],
    ['GET', '/others/a'],
    ['PUT', '/instances'],
    ['PUT', '/instances/there'],
    ['POST', '/instances/there'],
    ['GET', '/instances/nobody'],
    ['DELETE', '/instances/nobody'],
    ['GET', '/instances/there/terminate'],
    ['POST', '/instances/there/explode'],
    ['POST', '/instances/nobody/terminate'],
    ['POST', '/instances/nobody/rewind'],
    ['POST', '/instances/there/raiseEvents/go'],
    ['GET', '/instances/there/raiseEvent/go'],
    ['POST', '/instances/nobody/raiseEvent/go'],
    ['POST', '/instances/there/raiseEvent/go/on'],
    ['GET', '/entities/Counter/nobody'],
    ['PUT', '/entities/Counter/nobody'],
    ['POST', '/entities/Counter'],
  ])('%s %s is unknown', async (method, path) => {
    if (stage.engine.operations.get('there') === undefined) await stage.running('there');
    expect(await stage.statusOf(method, path, { headers: json })).toBe(404);
    expect(stage.engine.operations.get('there')?.record.status).toBe('Running');
  });
});

describe('a command', () => {
  it('suspends, resumes and terminates, each only where it makes sense', async () => {
    await stage.running('told');
    const status = (): string | undefined => stage.engine.operations.get('told')?.record.status;
    expect(parsed(await stage.call('POST', '/instances/told/resume'))).toEqual([
      500,
      {
        Message: 'Something went wrong while processing your request',
        ExceptionMessage: 'Cannot resume the orchestration instance told because instance is in the Running state.',
      },
    ]);
    expect(await stage.statusOf('POST', '/instances/told/SUSPEND?reason=lunch')).toBe(202);
    await expect.poll(status).toBe('Suspended');
    expect(await stage.statusOf('POST', '/instances/told/suspend')).toBe(500);
    expect(await stage.statusOf('POST', '/instances/told/resume')).toBe(202);
    await expect.poll(status).toBe('Running');
    expect(await stage.statusOf('POST', '/instances/told/terminate?reason=enough')).toBe(202);
    await expect.poll(status).toBe('Terminated');
    expect((await stage.state('told'))['output']).toBe('enough');
    expect(await stage.statusOf('POST', '/instances/told/terminate')).toBe(410);
    const reasons = stage.engine
      .events('told')
      .flatMap(({ event, Reason }) => (Reason === undefined ? [] : [[event, Reason]]));
    expect(reasons).toEqual([
      ['ExecutionSuspended', 'lunch'],
      ['ExecutionResumed', ''],
    ]);
    expect(await stage.statusOf('POST', '/instances/told/rewind')).toBe(501);
  });

  it('restarts an instance with its input, as a new one unless told otherwise', async () => {
    stage.engine.start('doubling', 5, 'again');
    await stage.engine.finished('again');
    const { id } = JSON.parse((await stage.call('POST', '/instances/again/restart')).body) as { id: string };
    expect(id).not.toBe('again');
    expect((await stage.engine.finished(id)).output).toBe('10');
    const before = stage.engine.operations.get('again')?.record.executionId;
    expect(await stage.statusOf('POST', '/instances/again/restart?restartWithNewInstanceId=false')).toBe(202);
    expect(await stage.engine.finished('again')).toMatchObject({ output: '10', input: '5' });
    expect(stage.engine.operations.get('again')?.record.executionId).not.toBe(before);
    await stage.running('busy');
    expect(parsed(await stage.call('POST', '/instances/busy/restart?restartWithNewInstanceId=false'))).toEqual([
      409,
      { message: 'The instance has not ended.' },
    ]);
    expect(await stage.statusOf('POST', '/instances/nobody/restart')).toBe(400);
  });
});

describe('an event', () => {
  it('reaches the instance as JSON, and an empty one as null', async () => {
    await stage.running('first');
    expect(await stage.statusOf('POST', '/instances/first/RAISEEVENT/go', { headers: json, body: '{"a":1}' })).toBe(
      202,
    );
    expect((await stage.engine.finished('first')).output).toBe('{"a":1}');
    await stage.running('second');
    expect(await stage.statusOf('POST', '/instances/second/raiseEvent/go', { headers: json })).toBe(202);
    expect((await stage.engine.finished('second')).output).toBe('null');
    expect(await stage.statusOf('POST', '/instances/second/raiseEvent/go', { headers: json })).toBe(410);
  });

  it('is refused if it is not JSON, and does not arrive', async () => {
    await stage.running('deaf');
    const path = '/instances/deaf/raiseEvent/go';
    for (const type of ['text/plain', 'application/jsonp', undefined])
      expect(
        await stage.statusOf('POST', path, { body: '1', headers: type === undefined ? {} : { 'content-type': type } }),
      ).toBe(400);
    expect(await stage.statusOf('POST', path, { headers: json, body: '{' })).toBe(400);
    expect(stage.engine.operations.get('deaf')?.record.status).toBe('Running');
    expect(stage.engine.operations.get('deaf')?.inbox).toEqual([]);
  });
});

describe('an entity', () => {
  it('takes signals with text and JSON, and is deleted', async () => {
    const path = '/entities/Counter/one';
    const value = async (): Promise<unknown> => parsed(await stage.call('GET', path));
    expect(await stage.statusOf('POST', `${path}?op=add`, { headers: json, body: '5' })).toBe(202);
    await expect.poll(value).toEqual([200, 5]);
    expect(await stage.statusOf('POST', `${path}?op=add`)).toBe(202);
    await expect.poll(value).toEqual([200, 6]);
    expect(await stage.statusOf('POST', `${path}?op=add`, { body: 'x' })).toBe(202);
    await expect.poll(value).toEqual([200, '6x']);
    expect(parsed(await stage.call('POST', `${path}?op=add`, { headers: json, body: '{' }))).toEqual([
      400,
      { message: 'Could not parse JSON content.' },
    ]);
    expect(await stage.statusOf('DELETE', path)).toBe(202);
    await expect.poll(value).toEqual([404, '']);
  });
});
