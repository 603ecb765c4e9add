import fc from 'fast-check';

/** A secret or a fact about a person, and the parts of it that must not be found anywhere. */
export interface Planted {
  readonly value: string;
  readonly needles: readonly string[];
}

const letters = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'qxzjkvwuioa'), minLength: length, maxLength: length });
/** A word that no schema has. */
const word = fc.tuple(letters(5), letters(5)).map(([one, other]) => `${one}xq${other}`);
const name = word.map((text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`);
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'23456789'), minLength: length, maxLength: length });
const base64 = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('base64'));
const base64url = (length: number) =>
  base64(length).map((text) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''));
const byte = fc.integer({ min: 10, max: 255 });
const hex = fc.integer({ min: 0x1000, max: 0xffff }).map((number) => number.toString(16));

/** One needle: the value itself. */
const whole = (values: fc.Arbitrary<string>): fc.Arbitrary<Planted> =>
  values.map((value) => ({ value, needles: [value] }));
const around = (texts: fc.Arbitrary<string>, write: (text: string) => string): fc.Arbitrary<Planted> =>
  texts.map((text) => ({ value: write(text), needles: [text] }));

/** What recordings of a tenant could hold, by kind. */
export const plantedKinds: Readonly<Record<string, fc.Arbitrary<Planted>>> = {
  jwt: fc.tuple(base64url(60), base64url(40)).map(([payload, signature]) => ({
    value: `eyJhbGciOiJSUzI1NiJ9.eyJ${payload}.${signature}`,
    needles: [payload, signature],
  })),
  refreshToken: fc
    .tuple(fc.constantFrom('0.AX', '1.AX'), base64url(90))
    .map(([start, text]) => ({ value: `${start}${text}`, needles: [text] })),
  sas: around(
    base64(32),
    (text) => `https://qxstore.blob.core.windows.net/c?sv=2024-11-04&sp=r&sig=${encodeURIComponent(text)}`,
  ),
  clientSecret: fc
    .tuple(letters(6), base64url(26))
    .map(([start, text]) => ({ value: `${start}8Q~${text}`, needles: [start + '8Q~', text] })),
  certificate: around(base64(120), (text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`),
  connectionString: around(
    base64(64),
    (text) => `DefaultEndpointsProtocol=https;AccountName=qx;AccountKey=${text};EndpointSuffix=core.windows.net`,
  ),
  cookie: around(base64url(50), (text) => `ESTSAUTH=${text}; path=/; secure; HttpOnly`),
  authorization: around(base64url(50), (text) => `Bearer ${text}`),
  word: whole(word),
  name: fc.tuple(name, name).map(([first, last]) => ({ value: `${first} ${last}`, needles: [first, last] })),
  quotedName: fc
    .tuple(name, name)
    .map(([first, last]) => ({ value: `${first} O'${last}, "boss"`, needles: [first, last] })),
  mail: fc.tuple(word, word).map(([user, domain]) => ({ value: `${user}@${domain}.com`, needles: [user, domain] })),
  guest: fc.tuple(word, word, word).map(([user, home, domain]) => ({
    value: `${user}_${home}.com#EXT#@${domain}.onmicrosoft.com`,
    needles: [user, home, domain],
  })),
  phone: around(digits(9), (text) => `+49 ${text}`),
  number: whole(digits(11)),
  guid: whole(fc.uuid()),
  domain: around(word, (text) => `${text}.sharepoint.com`),
  host: around(word, (text) => `PC-${text}`),
  ipv4: whole(fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.'))),
  ipv6: whole(fc.tuple(hex, hex, hex, hex).map((parts) => `fe80::${parts.join(':')}`)),
  street: fc
    .tuple(name, digits(5), name)
    .map(([street, code, town]) => ({ value: `${street} Street 7, ${code} ${town}`, needles: [street, town] })),
  text: fc.tuple(word, name).map(([project, person]) => ({
    value: `the password of ${person} for project ${project} is new`,
    needles: [person, project],
  })),
  time: whole(
    fc
      .date({ min: new Date('1950-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString()),
  ),
  birthday: whole(
    fc
      .date({ min: new Date('1950-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10)),
  ),
  likePseudonym: whole(digits(9).map((text) => `text-${text}`)),
};

const unicodeEscaped = (text: string): string =>
  [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** Ways to write a value. */
export const forms: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  urlEncoded: encodeURIComponent,
  urlEncodedTwice: (text) => encodeURIComponent(encodeURIComponent(text)),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  base64Json: (text) => Buffer.from(JSON.stringify({ displayName: text })).toString('base64'),
  json: (text) => JSON.stringify({ displayName: text, nested: JSON.stringify([text]) }),
  unicodeEscaped,
  hex: (text) => Buffer.from(text).toString('hex'),
  quoted: (text) => `'${text}'`,
  sentence: (text) => `Resource '${text}' does not exist (${text}).`,
};

const decodedOnce = (text: string): string =>
  text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });

/** The base64 of a text, without the letters that depend on what stands around it. */
const base64Parts = (text: string): readonly string[] =>
  [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(`${'-'.repeat(offset)}${text}`)
      .toString('base64')
      .replaceAll('=', '');
    return encoded.slice(Math.ceil((offset * 8) / 6), -2);
  });

/** The needles that a text holds in any form. */
export function survivors(text: string, needles: readonly string[]): readonly string[] {
  const texts = [text, decodedOnce(text), decodedOnce(decodedOnce(text)), text.replaceAll('\\\\', '\\')].map((each) =>
    each.toLowerCase(),
  );
  return needles.filter((needle) => {
    const spellings = [needle, encodeURIComponent(needle), JSON.stringify(needle).slice(1, -1)];
    const plain = spellings.flatMap((each) => [each, Buffer.from(each).toString('hex'), unicodeEscaped(each)]);
    if (plain.some((each) => texts.some((one) => one.includes(each.toLowerCase())))) return true;
    return spellings
      .flatMap((each) => [each, each.toLowerCase(), each.toUpperCase()])
      .flatMap(base64Parts)
      .filter((each) => each.length >= 8)
      .some((each) => text.includes(each) || text.includes(each.replaceAll('+', '-').replaceAll('/', '_')));
  });
}

type Parts = Readonly<{
  method: string;
  target: string;
  requestHeaders: Readonly<Record<string, string>>;
  requestBody: string;
  status: number;
  responseHeaders: Readonly<Record<string, string>>;
  responseBody: string;
}>;

const jsonType = { 'content-type': 'application/json; odata.metadata=minimal' };
const base: Parts = {
  method: 'GET',
  target: '/v1.0/users',
  requestHeaders: {},
  requestBody: '',
  status: 200,
  responseHeaders: jsonType,
  responseBody: '{}',
};
const answer = (body: unknown): Partial<Parts> => ({ responseBody: JSON.stringify(body) });
const at = (target: string): Partial<Parts> => ({ target });
const e = encodeURIComponent;

/** Where a value may stand in a request and its reply. */
export const positions: Readonly<Record<string, (text: string) => Partial<Parts>>> = {
  value: (text) => answer({ displayName: text }),
  valueOfUnknown: (text) => answer({ zzzUnknown: { deeper: [text] } }),
  enumeration: (text) => answer({ state: text, userType: text, status: text, capabilityStatus: text }),
  member: (text) => answer({ [text]: 1, value: [{ [text]: { [text]: null } }] }),
  annotation: (text) =>
    answer({
      [`${text}@odata.type`]: '#microsoft.graph.user',
      [`@odata.${text}`]: 1,
      [`@${text}`]: 1,
      [`mail@${text}`]: 1,
    }),
  typeName: (text) => answer({ '@odata.type': `#microsoft.graph.${text}`, value: [{ '@odata.type': text }] }),
  items: (text) => answer({ value: [text, [text], { proxyAddresses: [text, `SMTP:${text}`] }] }),
  number: (text) => ({
    responseBody: `{"employeeId":${/^\d{3,15}$/.test(text) ? text : 1},"status":${/^\d{3,15}$/.test(text) ? text : 1}}`,
  }),
  rawJson: (text) => ({ responseBody: `{"displayName":"${unicodeEscaped(text)}"}` }),
  nextLink: (text) =>
    answer({
      '@odata.nextLink': `https://graph.microsoft.com/v1.0/users?$top=2&$skiptoken=${e(text)}&$filter=mail eq '${e(text)}'`,
      '@odata.deltaLink': `https://graph.microsoft.com/beta/users/${e(text)}/delta?$deltatoken=${text}`,
    }),
  foreignLink: (text) =>
    answer({ '@odata.nextLink': `https://${text}/v1.0/users?x=${text}`, webUrl: `https://x.example/${text}` }),
  context: (text) =>
    answer({
      '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#users('${e(text)}')/memberOf(id,${text})`,
      '@odata.id': `https://graph.microsoft.com/v2/${text}/directoryObjects/${text}/Microsoft.DirectoryServices.User`,
    }),
  error: (text) => ({
    status: 404,
    ...answer({
      error: {
        code: text,
        message: text,
        details: [{ code: text, target: text, message: text }],
        innerError: { code: text, [text]: text, 'request-id': text },
      },
    }),
  }),
  segment: (text) => at(`/v1.0/users/${e(text)}/memberOf/${e(text)}`),
  rawSegment: (text) => at(`/v1.0/${text.replaceAll(/[\s?#]/g, '')}`),
  call: (text) => at(`/v1.0/applications(appId='${e(text)}')/owners`),
  cast: (text) => at(`/v1.0/users/microsoft.graph.${e(text)}`),
  sitePath: (text) => at(`/v1.0/sites/root:/sites/${e(text)}:/lists/${e(text)}`),
  literal: (text) =>
    at(`/v1.0/users?$filter=${e(`startswith(displayName,'${text.replaceAll("'", "''")}') and userType eq '${text}'`)}`),
  unquoted: (text) =>
    at(
      `/v1.0/users?$filter=displayName eq ${e(text)}&$select=id,${e(text)}&$orderby=${e(text)} desc&$expand=manager($select=${e(text)})`,
    ),
  search: (text) => ({
    ...at(
      `/v1.0/users?$search=${e(`"displayName:${text}"`)}&search=${e(text)}&$format=${e(text)}&$top=${e(text)}&$count=${e(text)}`,
    ),
  }),
  token: (text) => at(`/v1.0/users?$skiptoken=${e(text)}&$deltatoken=${e(text)}`),
  parameter: (text) => at(`/v1.0/users?${e(text)}=1&code=${e(text)}&${e(text)}`),
  headers: (text) => {
    const one = text.replaceAll(/\s/g, ' ');
    const all = Object.fromEntries(
      'authorization cookie set-cookie location prefer preference-applied consistencylevel retry-after www-authenticate request-id x-ms-ags-diagnostic client-request-id user-agent content-location odata-version x-forwarded-for'
        .split(' ')
        .map((header) => [header, one]),
    );
    return { requestHeaders: all, responseHeaders: { ...all, ...jsonType } };
  },
  headersAfter: (text) => ({
    requestHeaders: {
      prefer: `return=minimal, ${text}`,
      consistencylevel: `eventual ${text}`,
      'content-type': `application/json; x=${text}`,
    },
    responseHeaders: {
      'content-type': `application/json; ${text}`,
      'www-authenticate': `Bearer realm="${text}"`,
      location: `https://x/${text}`,
    },
  }),
  batchRequest: (text) => ({
    method: 'POST',
    ...at('/v1.0/$batch'),
    requestBody: JSON.stringify({
      requests: [
        {
          id: text,
          method: text,
          url: `/users/${text}?$filter=mail eq '${text}'`,
          headers: { Authorization: text, 'Content-Type': text },
          body: { displayName: text },
        },
        { id: '1', method: 'GET', url: text, dependsOn: [text] },
      ],
    }),
  }),
  batchResponse: (text) => ({
    ...at('/v1.0/$batch'),
    ...answer({
      responses: [
        {
          id: text,
          status: 200,
          headers: { Location: text, 'Content-Type': `application/json; ${text}`, [text]: text },
          body: text,
        },
      ],
    }),
  }),
  notJson: (text) => ({ responseHeaders: { 'content-type': 'text/csv' }, responseBody: `Name\n${text}\n` }),
  sentText: (text) => ({ requestHeaders: { 'content-type': 'text/plain' }, requestBody: text }),
};

/** An exchange with a value at a position. */
export const exchangeWith = (position: keyof typeof positions, text: string): Parts => ({
  ...base,
  ...positions[position]?.(text),
});
