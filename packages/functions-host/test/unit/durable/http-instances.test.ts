import { beforeAll, describe, expect, it } from 'vitest';
import { base, durableStage, parsed, type Stage } from './http-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await durableStage();
  return stage.stop;
});

describe('the status', () => {
  it('of a running instance comes with its address and a pause', async () => {
    await stage.running('open');
    const answer = await stage.call('GET', '/instances/open?showInput=true');
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(`http://127.0.0.1:${stage.served.port}${base}/instances/open?showInput=true`);
    expect(answer.headers['retry-after']).toBe('5');
    expect(JSON.parse(answer.body)).toEqual({
      name: 'waiting',
      instanceId: 'open',
      runtimeStatus: 'Running',
      input: 'in',
      customStatus: null,
      output: null,
      createdTime: '2026-01-01T00:00:00Z',
      lastUpdatedTime: '2026-01-01T00:00:00Z',
    });
  });

  it('of an instance that has ended shows input and history as asked', async () => {
    stage.engine.start('doubling', 4, 'ended');
    await stage.engine.finished('ended');
    expect((await stage.call('GET', '/instances/ended')).status).toBe(200);
    expect(await stage.state('ended', '?showInput=FALSE')).toMatchObject({
      input: null,
      output: 8,
      customStatus: { step: 1 },
    });
    expect(await stage.state('ended', '?showInput=nonsense')).toMatchObject({ input: 4 });
    expect(await stage.state('ended')).not.toHaveProperty('historyEvents');
    const at = '2026-01-01T00:00:00.600Z';
    const ended = { EventType: 'ExecutionCompleted', OrchestrationStatus: 'Completed', Timestamp: at };
    const done = { EventType: 'TaskCompleted', Timestamp: at, ScheduledTime: at, FunctionName: 'double' };
    const begun = { EventType: 'ExecutionStarted', Timestamp: at, FunctionName: 'doubling' };
    expect((await stage.state('ended', '?showHistory=true'))['historyEvents']).toEqual([
      { ...begun, Input: '4' },
      { ...done, Input: '4' },
      ended,
    ]);
    expect(
      (await stage.state('ended', '?showHistory=true&showHistoryOutput=true&showInput=false'))['historyEvents'],
    ).toEqual([begun, { ...done, Result: 8 }, { ...ended, Result: 8 }]);
  });

  it('of a failed instance is an error only if asked', async () => {
    stage.engine.start('breaking', null, 'broken');
    await stage.engine.finished('broken');
    expect(await stage.statusOf('GET', '/instances/broken')).toBe(200);
    expect(await stage.statusOf('GET', '/instances/broken?returnInternalServerErrorOnFailure=true')).toBe(500);
    stage.engine.start('doubling', 1, 'fine');
    await stage.engine.finished('fine');
    expect(await stage.statusOf('GET', '/instances/fine?returnInternalServerErrorOnFailure=true')).toBe(200);
  });
});

describe('a list of instances', () => {
  const ids = async (query: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const answer = await stage.call('GET', `/instances?${query}`, { headers });
    return [
      (JSON.parse(answer.body) as { instanceId: string }[]).map(({ instanceId }) => instanceId),
      answer.headers['x-ms-continuation-token'],
    ];
  };

  it('is sorted by id, in pages', async () => {
    for (const id of ['page-c', 'page-a', 'page-b']) await stage.running(id);
    expect(await ids('instanceIdPrefix=page-&top=3')).toEqual([['page-a', 'page-b', 'page-c'], '']);
    const [first, token] = (await ids('instanceIdPrefix=page-&top=2')) as [string[], string];
    expect(first).toEqual(['page-a', 'page-b']);
    expect(await ids('instanceIdPrefix=page-&top=2', { 'x-ms-continuation-token': token })).toEqual([['page-c'], '']);
    for (const all of ['top=0', 'top=-1', 'top=1.5', 'top=x', ''])
      expect(await ids(`instanceIdPrefix=page-&${all}`)).toEqual([['page-a', 'page-b', 'page-c'], '']);
    const { body } = await stage.call('GET', '/instances?instanceIdPrefix=page-a&showInput=false');
    expect(JSON.parse(body)).toEqual([expect.objectContaining({ instanceId: 'page-a', input: null })]);
  });

  it('has a hundred instances a page', async () => {
    for (let index = 100; index <= 200; index += 1) stage.engine.start('waiting', null, `many-${index}`);
    const [page, token] = (await ids('instanceIdPrefix=many-')) as [string[], string];
    expect([page.length, page.at(-1)]).toEqual([100, 'many-199']);
    expect(await ids('instanceIdPrefix=many-', { 'x-ms-continuation-token': token })).toEqual([['many-200'], '']);
  });

  it('is limited by status and time of creation, and a purge likewise', async () => {
    await stage.clock.advance(60_000);
    stage.engine.start('doubling', 1, 'sieve-old');
    await stage.engine.finished('sieve-old');
    await stage.clock.advance(60_000);
    stage.engine.start('breaking', null, 'sieve-failed');
    stage.engine.start('doubling', 1, 'sieve-new');
    await Promise.all([stage.engine.finished('sieve-failed'), stage.engine.finished('sieve-new')]);
    await stage.running('sieve-open');
    const found = async (query: string): Promise<unknown> =>
      ((await ids(`instanceIdPrefix=sieve-&${query}`)) as [string[]])[0];
    expect(await found('runtimeStatus=Failed,Running')).toEqual(['sieve-failed', 'sieve-open']);
    expect(await found('runtimeStatus=Failed&runtimeStatus=Running')).toEqual(['sieve-failed', 'sieve-open']);
    expect(await found('runtimeStatus=Nonsense')).toHaveLength(4);
    const [old, young] = ['2026-01-01T00:01:00.600Z', '2026-01-01T00:02:00.600Z'];
    expect(await found(`createdTimeTo=${old}`)).toEqual(['sieve-old']);
    expect(await found(`createdTimeFrom=${young}`)).toEqual(['sieve-failed', 'sieve-new', 'sieve-open']);
    expect(await found(`createdTimeFrom=${old}&createdTimeTo=2026-01-01T00:02:00.599Z`)).toEqual(['sieve-old']);
    expect(await found('createdTimeFrom=nonsense')).toHaveLength(4);
    expect(parsed(await stage.call('DELETE', '/instances?instanceIdPrefix=sieve-'))).toEqual([
      400,
      { message: "Please provide value for 'createdTimeFrom' parameter." },
    ]);
    const purge = `/instances?instanceIdPrefix=sieve-&createdTimeFrom=${young}`;
    expect(parsed(await stage.call('DELETE', purge))).toEqual([200, { instancesDeleted: 2 }]);
    expect(await found('')).toEqual(['sieve-old', 'sieve-open']);
    expect(await stage.statusOf('DELETE', purge)).toBe(404);
  });

  it('loses a purged instance, unless it is running', async () => {
    stage.engine.start('doubling', 1, 'gone');
    await stage.engine.finished('gone');
    expect(parsed(await stage.call('DELETE', '/instances/gone'))).toEqual([200, { instancesDeleted: 1 }]);
    expect(await stage.statusOf('GET', '/instances/gone')).toBe(404);
    await stage.running('stays');
    expect(parsed(await stage.call('DELETE', '/instances/stays'))).toEqual([200, { instancesDeleted: 0 }]);
    expect(await stage.statusOf('GET', '/instances/stays')).toBe(202);
  });
});
