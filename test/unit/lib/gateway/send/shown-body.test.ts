import { hash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { shownBody } from '../../../../../src/lib/gateway/send/shown-body.ts';

const shown = (json: string) => shownBody(Buffer.from(json), 'application/json');
const lines = (json: string): readonly string[] => shown(json).text.split('\n');

describe('what people read of a body', () => {
  it('is what is sent: its order, its numbers and its empty parts', () => {
    expect(lines('{"b":12345678901234567890,"2":1e400,"1":[true,null,{ }],"":"ä","c":[]}')).toEqual([
      '{',
      ' "b": 12345678901234567890,',
      ' "2": 1e400,',
      ' "1": [',
      '  true,',
      '  null,',
      '  {}',
      ' ],',
      ' "": "ä",',
      ' "c": []',
      '}',
    ]);
    expect(shown('"plain"').text).toBe('"plain"');
  });

  it.each([String.raw`x\u0000 approve: agreed`, String.raw`x\n approve: agreed`, 'x\u2028y', '\u202Eeslaf'])(
    'has no line or direction of the text %j',
    (text) => {
      const found = lines(`{"note":"${text}","${text}":1}`);
      expect(found).toHaveLength(4);
      // oxlint-disable-next-line no-control-regex
      expect(found.join('')).not.toMatch(/[\u0000-\u001f\u2028\u202e]/);
    },
  );

  it.each([
    'password',
    'Pass_Word',
    'temporaryAccessPass',
    'passphrase',
    'pwd',
    'wifiPsk',
    'pinCode',
    'clientKey',
    'authorization',
    'client_secret',
    'key',
  ])('hides %s, and says so', (name) => {
    const { text, hidesParts } = shown(`{"outer":{"${name}":"geheim-1","next":["a"]},"${name}":[4711,{"note":"b"}]}`);
    expect(text).not.toMatch(/geheim|4711/);
    expect(text).toContain(`"${name}": "(hidden)"`);
    expect(text).toContain('"note": "b"');
    expect(hidesParts).toBe(true);
  });

  it('shows the key of a pair, which names what its value is for', () => {
    const body =
      '{"key":"geheim","value":[{"key":"BaseAddress","value":"https://evil.example"},{"Value":{"key":"geheim"},"key":"UserName"}]}';
    const { text, hidesParts } = shown(body);
    expect(JSON.parse(text)).toEqual(JSON.parse(body.replaceAll(/"key":"geheim"(?=\})/g, '"key":"(hidden)"')));
    expect(hidesParts).toBe(true);
    expect(shown('{"key":"BaseAddress","value":"a"}').hidesParts).toBe(false);
  });

  const unseen = '\u200b \u200d \ufeff \u00ad \u3164 \u{e0041} \u00a0 \u2007 \u3000 \u2800 \ue000 \ufffe \u{10fffd}';
  it.each(unseen.split(' '))('shows a character that nobody sees or tells from a blank as its escape (%#)', (sign) => {
    const body = { [`user${sign}Name`]: `ceo${sign}@contoso.example` };
    const { text } = shown(JSON.stringify(body));
    expect(text).not.toContain(sign);
    expect(text).toContain(`ceo\\u`);
    expect(JSON.parse(text)).toEqual(body);
  });

  it('shows what only sounds like a secret', () => {
    const body =
      '{"optionalClaims":{"accessToken":[{"name":"groups","essential":false}]},"footprint":"a","privateHost":"evil.example","passwordProfile":{"forceChangePasswordNextSignIn":false},"passwordCredentials":[{"displayName":"for the script"}],"password":null}';
    const { text, hidesParts } = shown(body);
    expect(JSON.parse(text)).toEqual(JSON.parse(body));
    expect(hidesParts).toBe(false);
  });

  it('shows a member that is off, on or empty, whatever its name', () => {
    const { text, hidesParts } = shown('{"password":true,"clientSecret":false,"pinCode":""}');
    expect(JSON.parse(text)).toEqual({ password: true, clientSecret: false, pinCode: '' });
    expect(hidesParts).toBe(false);
  });

  it.each([
    'https://eyJhbGciOiJub25lIn0.eyJhIjoiYmNkZWZnaGlqa2xtbm9wcXJzdCJ9.evil.example/cb',
    'smtp:assertion=attacker@evil.example',
    `https://${'aaa1Q~'.repeat(10)}.evil.example`,
  ])('shows %s, which only looks like a secret: it is what has to be decided', (value) => {
    const { text, hidesParts } = shown(JSON.stringify({ redirectUri: value, [value]: 1 }));
    expect(JSON.parse(text)).toEqual({ redirectUri: value, [value]: 1 });
    expect(hidesParts).toBe(false);
  });

  it('counts what only looks like a secret', () => {
    expect(() => shown(JSON.stringify({ note: 'aaa1Q~'.repeat(1_000) }))).toThrow(/longer than 4000 characters/);
  });

  it('is not read at all of a body that is too large', () => {
    const read = vi.spyOn(JSON, 'parse');
    const decoded = vi.spyOn(TextDecoder.prototype, 'decode');
    expect(() => shown(`{"otherMails":[${'"a=",'.repeat(800_000)}""]}`)).toThrow(/larger than 32 KiB/);
    // The view leaves blanks out, so its length alone would let this pass.
    expect(() => shown(`{"a":${' '.repeat(33_000)}1}`)).toThrow(/larger than 32 KiB/);
    expect(read).not.toHaveBeenCalled();
    expect(decoded).not.toHaveBeenCalled();
    expect(() => shown(`{"a":${' '.repeat(32_000)}1}`)).not.toThrow();
  });

  it('hides a key that is not among public ones, however long it is', () => {
    const key = Buffer.alloc(700, 7).toString('base64');
    for (const body of [
      `{"key":"${key}"}`,
      `{"keyCredentials":[{"secret":"${key}"}]}`,
      `[{"keyCredentials":[]},{"key":"${key}"}]`,
    ]) {
      const { text, hidesParts } = shown(body);
      expect(text).not.toContain('SHA-256');
      expect(text).not.toContain(key);
      expect(hidesParts).toBe(true);
    }
  });

  it('cannot be had of what is not UTF-8', () => {
    expect(() => shownBody(Buffer.from([0x22, 0xff, 0x22]), 'application/json')).toThrow(/not plain JSON/);
  });

  it('shows who gets a certificate, and the digest of the certificate', () => {
    const certificate = Buffer.alloc(700, 7);
    const body = { keyCredentials: [{ displayName: 'attacker', key: certificate.toString('base64') }] };
    const { text, hidesParts } = shown(JSON.stringify(body));
    expect(text).toContain('"displayName": "attacker"');
    expect(text).toContain(hash('sha256', certificate, 'hex'));
    expect(hidesParts).toBe(false);
    // So short a value could be guessed.
    expect(shown('{"keyCredentials":[{"key":"c2VjcmV0"}]}').text).toContain('(hidden)');
  });

  it.each(['', '{"a":1,"a":2}', '[1', `${'['.repeat(33)}${']'.repeat(33)}`, JSON.stringify('x'.repeat(4_001))])(
    'cannot be had of %#',
    (json) => {
      expect(() => shown(json)).toThrow(expect.objectContaining({ code: 'request_invalid' }));
    },
  );

  it('cannot be had of what is no JSON by its type', () => {
    expect(() => shownBody(Buffer.from('{}'), 'text/plain')).toThrow(/not plain JSON/);
  });
});
