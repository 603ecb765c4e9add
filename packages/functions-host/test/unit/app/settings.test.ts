import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHostSection, readSettingsFile } from '../../../src/app/settings.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-settings-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The path of a settings file with this content. */
function file(content: unknown): string {
  const path = join(folder, 'settings.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('readSettingsFile', () => {
  it('reads Values, or the members of a plain object, as texts', () => {
    const values = { A: 'text', B: 1, C: true };
    const expected = { A: 'text', B: '1', C: 'true' };
    expect(readSettingsFile(file({ IsEncrypted: false, Values: values, Host: { CORS: '*' } }))).toEqual(expected);
    expect(readSettingsFile(file(values))).toEqual(expected);
  });

  it('needs no file, unless the caller named it', () => {
    const path = join(folder, 'nothing.json');
    expect(readSettingsFile(path)).toEqual({});
    expect(() => readSettingsFile(path, { required: true })).toThrow(
      new HostStartError(`There is no settings file ${path}.`),
    );
  });

  it.each([
    ['{', 'is not valid JSON'],
    [{ IsEncrypted: true, Values: {} }, 'is encrypted'],
    [{ Values: { A: { B: 1 } } }, 'the setting A is not a string'],
    [{ Values: { A: null } }, 'the setting A is not a string'],
    [{ Values: [] }, 'contains no settings'],
    [{ Values: 'A=1' }, 'contains no settings'],
    [[], 'contains no settings'],
    ['null', 'contains no settings'],
    ['1', 'contains no settings'],
  ])('refuses %j', (content, reason) => {
    expect(() => readSettingsFile(file(content))).toThrow(HostStartError);
    expect(() => readSettingsFile(file(content))).toThrow(reason);
  });
});

describe('readHostSection', () => {
  const none = { port: undefined, cors: undefined };

  it.each([
    ['null', none],
    [{}, none],
    [{ Host: {} }, none],
    [{ Host: { LocalHttpPort: 7072, CORS: '' } }, { port: 7072, cors: undefined }],
    [{ Host: { LocalHttpPort: '0', CORS: ' , ' } }, { port: 0, cors: undefined }],
    [
      { Host: { CORS: 'https://a.test/, https://b.test' } },
      { port: undefined, cors: { origins: ['https://a.test', 'https://b.test'], credentials: false } },
    ],
    [{ Host: { CORS: '*', CORSCredentials: true } }, { port: undefined, cors: { origins: ['*'], credentials: true } }],
    [
      { Host: { CORS: '*', CORSCredentials: 'true' } },
      { port: undefined, cors: { origins: ['*'], credentials: true } },
    ],
    [
      { Host: { CORS: '*', CORSCredentials: 'false' } },
      { port: undefined, cors: { origins: ['*'], credentials: false } },
    ],
  ])('reads %j', (content, expected) => {
    expect(readHostSection(file(content))).toEqual(expected);
  });

  it('needs no file', () => {
    expect(readHostSection(join(folder, 'nothing.json'))).toEqual(none);
  });

  it.each([
    [{ LocalHttpPort: 65_536 }, 'Host.LocalHttpPort is not valid'],
    [{ LocalHttpPort: -1 }, 'Host.LocalHttpPort is not valid'],
    [{ LocalHttpPort: 1.5 }, 'Host.LocalHttpPort is not valid'],
    [{ LocalHttpPort: 'none' }, 'Host.LocalHttpPort is not valid'],
    [{ CORS: ['*'] }, 'Host.CORS is not valid'],
    [{ CORSCredentials: 1 }, 'Host.CORSCredentials is not valid'],
    ['text', 'Host. is not valid'],
  ])('refuses %j', (Host, reason) => {
    const path = file({ Host });
    expect(() => readHostSection(path)).toThrow(new HostStartError(`${path}: ${reason}.`));
  });
});
