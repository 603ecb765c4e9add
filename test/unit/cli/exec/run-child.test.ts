import { access, readFile, rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { linesOf } from '../../../../src/cli/exec/output-lines.ts';
import { NotStartedError } from '../../../../src/cli/exec/not-started.ts';
import { type ChildOrder, runChild } from '../../../../src/cli/exec/run-child.ts';
import { type Clock, systemClock } from '../../../../src/lib/core/clock.ts';

// Real programs: small scripts for this Node.js.

const none = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'ptb-exec-'));
afterAll(() => rm(folder, { recursive: true }));

/** Waits of a minute or less end at once, in the order of their length. */
const hasty: Clock = { nowMs: () => Date.now(), sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) };

async function run(script: string, more: Partial<ChildOrder> = {}, clock: Clock = systemClock) {
  const output = { stdout: '', stderr: '' };
  const consume = async (chunks: AsyncIterable<Uint8Array>, name: 'stdout' | 'stderr'): Promise<void> => {
    output[name] = await text(chunks);
  };
  const order = { program: process.execPath, args: ['-e', script], environment: process.env, signal: none, consume };
  return { end: await runChild({ ...order, ...more }, clock), output };
}

/** Resolves once a file exists. */
async function appeared(file: string): Promise<void> {
  while (
    !(await access(file).then(
      () => true,
      () => false,
    ))
  )
    await systemClock.sleep(20);
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('runChild', () => {
  it('loses nothing to a reader that begins after the program has ended', async () => {
    const ended = join(folder, 'ended');
    const read: string[] = [];
    const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      await appeared(ended);
      // The exit of the program is told in a later turn of the event loop than its last file.
      await systemClock.sleep(500);
      read.push(await text(chunks));
    };
    const script = `console.log('kept'); require('fs').writeFileSync(${JSON.stringify(ended)}, '')`;
    const { end } = await run(script, { consume });
    expect(end).toEqual({ outcome: 'succeeded', exitCode: 0 });
    expect(read.toSorted()).toEqual(['', 'kept\n']);
  });

  it('reports exit codes and signals, and passes arguments and environment without a shell', async () => {
    const { end, output } = await run(
      'console.log(process.argv[1], process.env.A); console.error("e"); process.exit(7)',
      {
        args: [
          '-e',
          'console.log(process.argv[1], process.env.A); console.error("e"); process.exit(7)',
          '$(id) && "x"',
        ],
        environment: { A: 'b' },
      },
    );
    expect(end).toEqual({ outcome: 'failed', exitCode: 7 });
    expect(output).toEqual({ stdout: '$(id) && "x" b\n', stderr: 'e\n' });
    expect((await run('')).end).toEqual({ outcome: 'succeeded', exitCode: 0 });
    expect((await run('process.kill(process.pid, "SIGKILL")')).end).toEqual({ outcome: 'failed', endedBy: 'SIGKILL' });
  });

  it('gives a program no input', async () => {
    const { output } = await run('process.stdin.on("data", () => 0).on("end", () => console.log("end"))');
    expect(output.stdout).toBe('end\n');
  });

  it.each(['ptb-no-such-program', '/no/such/program', folder])('says that %s cannot be started', async (program) => {
    await expect(run('', { program })).rejects.toThrow(NotStartedError);
  });

  it('ends a program that takes too long, with what it has started, although both ignore SIGTERM', async () => {
    const file = join(folder, 'grandchild');
    const deaf = 'process.on("SIGTERM", () => 0); setInterval(() => 0, 1000);';
    const script = `${deaf} const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(deaf)}], { stdio: "inherit" }); require("node:fs").writeFileSync(${JSON.stringify(file)}, String(child.pid));`;
    // The time limit starts to count once the program has started another one.
    const late: Clock = {
      ...hasty,
      sleep: async (ms, signal) => {
        await appeared(file);
        return hasty.sleep(ms, signal);
      },
    };
    const { end } = await run(script, { timeoutMs: 1_000 }, late);
    expect(end).toEqual({ outcome: 'timed_out', endedBy: 'SIGKILL' });
    const grandchild = Number(await readFile(file, 'utf8'));
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });

  it('lets a program end by itself when it is interrupted', async () => {
    const file = join(folder, 'ready');
    const controller = new AbortController();
    const script = `process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); setInterval(() => 0, 1000); require("node:fs").writeFileSync(${JSON.stringify(file)}, "");`;
    const running = run(script, { signal: controller.signal });
    await appeared(file);
    controller.abort();
    const { end, output } = await running;
    expect([end.outcome, output.stdout]).toEqual(['interrupted', 'bye\n']);
  });

  it('does not start once it is interrupted', async () => {
    const file = join(folder, 'never');
    const script = `require("node:fs").writeFileSync(${JSON.stringify(file)}, "")`;
    const { end } = await run(script, { signal: AbortSignal.abort(new Error('over')) });
    expect(end).toEqual({ outcome: 'interrupted' });
    await expect(access(file)).rejects.toThrow('ENOENT');
  });

  it('loses no output although its reader takes longer than the grace time', async () => {
    let read = '';
    const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) {
        read += Buffer.from(chunk).toString();
        await systemClock.sleep(200);
      }
    };
    const { end } = await run('process.stdout.write("x".repeat(200_000) + "end")', { consume }, hasty);
    expect([end.outcome, read.length, read.slice(-3)]).toEqual(['succeeded', 200_003, 'end']);
  });

  it('does not wait for a process that the program left behind and that writes on', async () => {
    const chatty = 'setInterval(() => console.log("x".repeat(1000)), 5)';
    const script = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(chatty)}], { stdio: "inherit" }).unref(); process.exit(0)`;
    const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const _ of chunks) await systemClock.sleep(1);
    };
    expect((await run(script, { consume }, hasty)).end.outcome).toBe('succeeded');
  });

  it('says that a command line is too long', async () => {
    await expect(run('', { args: ['x'.repeat(3_000_000)] })).rejects.toThrow('cannot be started (E2BIG)');
  });

  it('shows the last words of a program although another process keeps its output open', async () => {
    const script = `require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"], { stdio: "inherit" }).unref(); process.stdout.write("no line feed"); process.exit(0)`;
    const seen: string[] = [];
    const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const line of linesOf(chunks)) seen.push(line);
    };
    await run(script, { consume }, hasty);
    expect(seen.join('')).toBe('no line feed');
  });

  it('ends a program whose output cannot be kept', async () => {
    const consume = async (_chunks: AsyncIterable<Uint8Array>, name: string): Promise<void> => {
      if (name === 'stdout') throw new Error('no space left');
    };
    await expect(run('setInterval(() => 0, 1000)', { consume })).rejects.toThrow('no space left');
  });

  it('ends what the program left behind, also after it succeeded', async () => {
    const script = `const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"], { stdio: "ignore" }); child.unref(); console.log(child.pid)`;
    const { end, output } = await run(script);
    expect(end.outcome).toBe('succeeded');
    const leftBehind = Number(output.stdout);
    expect(leftBehind).toBeGreaterThan(0);
    try {
      await expect.poll(() => isAlive(leftBehind)).toBe(false);
    } finally {
      if (isAlive(leftBehind)) process.kill(leftBehind, 'SIGKILL');
    }
  });

  it('does not wait for a process that the program left behind with its output', async () => {
    const script = `const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"], { stdio: "inherit" }); child.unref(); console.log("done"); process.exit(0)`;
    const seen: string[] = [];
    const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) seen.push(Buffer.from(chunk).toString());
    };
    const { end } = await run(script, { consume }, hasty);
    expect([end.outcome, seen.join('')]).toEqual(['succeeded', 'done\n']);
  });
});
