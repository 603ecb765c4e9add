import { hash } from 'node:crypto';
import { BrokerError } from '../../core/errors.ts';
import { duplicateKey, type JsonToken, JsonTextError, scanJson, stringAt } from '../../core/json.ts';
import { utf8Text, visibleText } from '../../core/text.ts';
import { isJson } from '../../judge/reading/target.ts';

/*
 * Members of JSON bodies that hold secrets, by their exact names in lower case without `-` and `_`. A part of a name does not
 * count: `accessTokenAcceptedVersion` or `privateHost` may be what has to be decided.
 */
const secretNames: ReadonlySet<string> = new Set(
  [
    'password newPassword oldPassword currentPassword adminPassword userPassword passwd pwd passphrase passcode',
    'secret secrets secretText clientSecret sharedSecret appSecret secretKey secretValue webhookSecret tokenSecret',
    'token accessToken refreshToken idToken bearerToken authToken apiToken sasToken sessionToken securityToken',
    'authorization proxyAuthorization cookie assertion clientAssertion temporaryAccessPass otp otpCode',
    'oneTimePassword oneTimePasscode pin pinCode devicePin psk presharedKey wifiPsk wifiPassword networkKey key',
    'privateKey apiKey accessKey accountKey sharedKey clientKey encryptionKey symmetricKey masterKey signingKey',
    'recoveryKey storageKey primaryKey secondaryKey subscriptionKey hmacKey sshKey pfx pfxBlob connectionString',
    'credential credentials clientState unlockCode recoveryPassword',
  ].flatMap((names) => names.toLowerCase().split(' ')),
);

/** Whether a member of this name holds a secret. */
const isSecretName = (name: string): boolean => secretNames.has(name.toLowerCase().replaceAll(/[-_]/g, ''));

/** Whether the members of this name hold certificates, whose `key` is public (the Graph type keyCredential). */
const holdsPublicKeys = (name: string): boolean => name.toLowerCase() === 'keycredentials';

/** Longest text of a body that a person is asked to read, and that is stored until he has decided, in characters. */
const maxShownLength = 4_000;
/** Longest body that is read for it. The rest may be blanks, escapes and certificates. */
const maxBodyBytes = 32 * 1024;
const maxDepth = 32;
/** A certificate is longer than this, in bytes. The digest of a shorter value could be guessed. */
const leastPublicKeyLength = 200;

/** A body as people read it. */
export interface ShownBody {
  readonly text: string;
  /** Whether a part is left out. The digest of the whole would help to guess it. */
  readonly hidesParts: boolean;
}

/**
 * The body of a request for people who approve it: all of its JSON, in the order and with the numbers that are sent. Left out
 * are values of members that hold secrets, by their names alone: what only looks like a secret may be an address that has to
 * be decided. What cannot be shown cannot be approved.
 * @throws BrokerError request_invalid for a body that is not JSON or too long.
 */
export function shownBody(body: Uint8Array, contentType: string | undefined): ShownBody {
  if (body.length > maxBodyBytes) throw notShown(`is larger than ${maxBodyBytes / 1024} KiB`, 'Split the request');
  const json = isJson(contentType) ? utf8Text(body) : undefined;
  if (json === undefined || !isPlain(json))
    throw notShown('is not plain JSON', 'Send JSON with each key once and few levels');
  const view = new JsonView(json);
  scanJson(json, (token, from, to) => view.add(token, from, to));
  // All line breaks are those of the view: JSON writes the ones in texts with escapes.
  const text = view.text.split('\n').map(textForDeciders).join('\n');
  if (text.length > maxShownLength) throw notShown(`is longer than ${maxShownLength} characters`, 'Split the request');
  return { text, hidesParts: view.hidesParts };
}

/**
 * Characters without width or ink, other blanks than the usual one, and those that fonts lack: what has them looks like
 * another name or address.
 */
const unseen = /(?! )[\p{Cf}\p{Cn}\p{Co}\p{Zs}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const escaped = (character: string): string =>
  character.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A line for people who decide, in which nothing looks like something else. */
export const textForDeciders = (line: string): string => visibleText(line).replaceAll(unseen, escaped);

/** Two readers could choose different ones of two equal keys. */
function isPlain(json: string): boolean {
  try {
    return duplicateKey(json, { depth: maxDepth }) === undefined;
  } catch (error) {
    if (error instanceof JsonTextError) return false;
    throw error;
  }
}

/** An open object or array. */
interface Level {
  readonly isObject: boolean;
  /** The name of the member that its items belong to. Those of an object have their own. */
  name: string;
  isEmpty: boolean;
  /** Where the view hides a member `key`, and what it hides. It is shown beside a `value`, which it names. */
  key?: { readonly at: number; readonly shown: string };
  hasValue: boolean;
  /** The object is a certificate of an application or in an object with such. */
  readonly isPublic: boolean;
}

const hidden = '"(hidden)"';

/** Writes a JSON text with one member or item per line, token by token. */
class JsonView {
  text = '';
  #hidden = 0;
  readonly #json: string;
  readonly #open: Level[] = [];

  constructor(json: string) {
    this.#json = json;
  }

  get hidesParts(): boolean {
    return this.#hidden > 0;
  }

  add(token: JsonToken, from: number, to: number): void {
    if (token === '}' || token === ']') {
      const closed = this.#open.pop();
      if (closed?.hasValue === true && closed.key !== undefined) {
        const { at, shown } = closed.key;
        this.text = `${this.text.slice(0, at)}${shown}${this.text.slice(at + hidden.length)}`;
        this.#hidden -= 1;
      }
      this.text += closed?.isEmpty === true ? token : `${this.#line()}${token}`;
      return;
    }
    const level = this.#open.at(-1);
    if (level !== undefined && level.isObject === (token === 'name')) {
      this.text += `${level.isEmpty ? '' : ','}${this.#line()}`;
      level.isEmpty = false;
    }
    if (token === 'name' && level !== undefined) {
      level.name = stringAt(this.#json, from, to);
      level.hasValue ||= level.name.toLowerCase() === 'value';
      this.text += `${JSON.stringify(level.name)}: `;
    } else if (token === '{' || token === '[') this.#opens(token, level);
    else this.text += this.#value(this.#json.slice(from, to), level);
  }

  #opens(token: '{' | '[', level: Level | undefined): void {
    const isObject = token === '{';
    const name = level?.name ?? '';
    const isPublic = level !== undefined && (level.isPublic || holdsPublicKeys(name));
    this.#open.push({ isObject, name: isObject ? '' : name, isEmpty: true, hasValue: false, isPublic });
    this.text += token;
  }

  #value(token: string, level: Level | undefined): string {
    const name = level?.name ?? '';
    const isText = token.startsWith('"');
    const value = isText ? stringAt(token, 0, token.length) : token;
    const isConstant = token === 'true' || token === 'false' || token === 'null';
    const shown = isText ? JSON.stringify(value) : token;
    if (isConstant || value === '' || !isSecretName(name)) return shown;
    const bytes = level?.isPublic === true && name.toLowerCase() === 'key' ? Buffer.from(value, 'base64') : undefined;
    if (bytes !== undefined && bytes.length >= leastPublicKeyLength)
      return `"(SHA-256 of the key: ${hash('sha256', bytes, 'hex')})"`;
    this.#hidden += 1;
    if (level?.isObject === true && name.toLowerCase() === 'key') level.key = { at: this.text.length, shown };
    return hidden;
  }

  #line(): string {
    return `\n${' '.repeat(this.#open.length)}`;
  }
}

const notShown = (what: string, next: string): BrokerError =>
  new BrokerError(
    'request_invalid',
    `The rule needs an approval, and the body ${what}, so people cannot see what they decide on. ${next}, or ask for a rule without approval.`,
  );
