import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addConnectionOptions, connect, reach, type ConnectionFlags } from '../../../../src/cli/remote/connection.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';

const id = '33333333-3333-4333-8333-333333333333';

beforeEach(() => {
  for (const name of ['BROKER_URL', 'PTB_TOKEN', 'BROKER_CLIENT_ID', 'PTB_FUNCTION_KEY']) vi.stubEnv(name, undefined);
  // Neither a demo nor a sign-in of the person who runs the tests counts.
  vi.stubEnv('XDG_STATE_HOME', '/nowhere');
  vi.spyOn(process, 'cwd').mockReturnValue('/nowhere');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** The flags that a command gets, or the text of the usage error. */
async function parse(...words: string[]): Promise<ConnectionFlags | string> {
  let said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  let flags: ConnectionFlags | undefined;
  const program = new Command('ptb');
  addConnectionOptions(program.command('x')).action((given: ConnectionFlags) => {
    flags = given;
  });
  await runProgram(program, ['node', 'ptb', 'x', ...words]);
  return flags ?? said;
}

describe('the connection options', () => {
  it('come from the command line', async () => {
    const words = ['--url', 'https://broker.example/api?x', '--token', 't', '--client-id', id, '--function-key', 'k'];
    expect(await parse(...words)).toEqual({
      url: 'https://broker.example',
      token: 't',
      clientId: id,
      functionKey: 'k',
    });
  });

  it('come from the environment', async () => {
    vi.stubEnv('BROKER_URL', 'http://127.0.0.1:7071');
    vi.stubEnv('PTB_TOKEN', 't');
    vi.stubEnv('BROKER_CLIENT_ID', id.toUpperCase());
    vi.stubEnv('PTB_FUNCTION_KEY', 'k');
    expect(await parse()).toEqual({ url: 'http://127.0.0.1:7071', token: 't', clientId: id, functionKey: 'k' });
  });

  it.each(['broker.example', 'ftp://broker.example', 'xhttps://broker.example', 'https+x://broker.example'])(
    'refuse the address %s',
    async (url) => {
      expect(await parse('--url', url)).toContain('It must be an address such as');
    },
  );

  it.each(['http://broker.example', 'http://127.0.0.1.broker.example', 'http://localhost@broker.example'])(
    'send no token to %s, which is not encrypted',
    async (url) => {
      expect(await parse('--url', url)).toContain('It is not encrypted. Use the https address.');
    },
  );

  it.each(['http://localhost:7071', 'http://127.0.0.1:7071', 'http://[::1]:7071'])(
    'take %s, which does not leave this machine',
    async (url) => {
      expect(await parse('--url', url)).toMatchObject({ url });
    },
  );

  it('refuse a client id that is no GUID', async () => {
    expect(await parse('--client-id', 'broker')).toContain('It must be a client id (GUID).');
  });

  it('do not show options for secrets in the help', () => {
    const help = addConnectionOptions(new Command('x')).helpInformation();
    expect(help).toMatch(/--url <address>[^]*--client-id <id>/);
    expect(help).not.toMatch(/--token|--function-key/);
  });
});

describe('connect', () => {
  it('needs an address', async () => {
    await expect(reach({})).rejects.toThrow(/^No broker is known/);
    await expect(connect({ token: 't' })).rejects.toThrow(/^No broker is known/);
  });

  it.each([{}, { token: '' }])('needs a token or a client id: %j', async (flags) => {
    await expect(connect({ url: 'https://broker.example', ...flags })).rejects.toMatchObject({
      code: 'caller_unauthenticated',
    });
  });
});
