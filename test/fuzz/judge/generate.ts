import type { Fact } from './facts.ts';
import { account, type Ask } from './oracle.ts';

/** Generates requests from the facts of a permission map, most of them damaged. The same random numbers give the same ones. */
export class Generator {
  readonly #facts: readonly Fact[];
  readonly #random: () => number;
  readonly #permissions: readonly string[];
  readonly #paths: readonly string[];
  /** Last segments of the paths below a path. */
  readonly #children = new Map<string, string[]>();

  constructor(facts: readonly Fact[], random: () => number) {
    this.#facts = facts;
    this.#random = random;
    this.#permissions = [...new Set(facts.map(({ permission }) => permission))];
    this.#paths = [...new Set(facts.map(({ path }) => path))];
    for (const path of this.#paths) {
      const segments = path.split('/');
      for (let length = 2; length < segments.length; length += 1) {
        const parent = segments.slice(0, length).join('/');
        const known = this.#children.get(parent) ?? [];
        known.push(segments.at(-1) ?? '');
        this.#children.set(parent, known);
      }
    }
  }

  /** @param damage Whether to damage the request. */
  next(damage: boolean): Ask {
    const fact = this.#pick(this.#facts);
    const scopes = this.#scopes(fact);
    const query = fact.method === 'GET' && this.#chance(0.45) ? `?${this.#query(fact)}` : '';
    const version = this.#chance(0.8) ? 'v1.0' : 'beta';
    const url = `/${version}${this.#filled(fact.path)}${query}`;
    const ask: Ask = {
      method: fact.method,
      url,
      scopes,
      scheme: fact.scheme,
      body: this.#body(fact),
      me: this.#chance(0.8),
    };
    return damage ? this.#damaged(ask) : ask;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  /** The permission of the fact, or only its relatives; and often others, which must not help. */
  #scopes({ permission, also }: Fact): readonly string[] {
    const relatives = [
      permission.replace(/\.All$/, ''),
      permission.replace('.ReadWrite', '.Read'),
      permission.replace('.Read.', '.ReadBasic.'),
      permission.replace('.Read', '.ReadWrite'),
    ];
    const scopes = this.#chance(0.7) ? [permission] : [this.#pick(relatives)];
    if (this.#chance(0.5)) scopes.push(...also);
    while (this.#chance(0.35)) scopes.push(this.#pick(this.#permissions));
    if (this.#chance(0.1)) scopes.push(this.#pick(['Directory.Read.All', 'User.Read.All', 'Policy.Read.All']));
    return [...new Set(scopes)];
  }

  #id(): string {
    return this.#pick([
      '0a1b2c3d-0000-4000-8000-000000000001',
      account.id,
      account.upn,
      'AAMkAGI2-b=',
      '19:x1@thread.v2',
      'guest_a.example%23EXT%23@b.example',
      'b!x1',
      '7',
    ]);
  }

  /** Fills the placeholders of a template. */
  #filled(path: string): string {
    return path
      .replaceAll(/=('?)\{[^}]*\}\}?\1/g, () => `='${this.#pick(['D7', 'a', '2026-01-01'])}'`)
      .replaceAll(/\(\{[^}]*\}\)/g, () => `('${this.#id()}')`)
      .replaceAll(/\/\{[^}]*\}\}?/g, () => (this.#chance(0.2) ? `('${this.#id()}')` : `/${this.#id()}`));
  }

  #query({ path }: Fact): string {
    const options: string[] = [];
    const below = this.#children.get(path) ?? [];
    const names = [
      ...below,
      'manager',
      'memberOf',
      'members',
      'owners',
      'messages',
      'mailboxSettings',
      'signInActivity',
      'customSecurityAttributes',
    ];
    const name = (): string =>
      this.#pick(this.#chance(0.6) ? ['id', 'displayName', 'mail', 'userPrincipalName'] : names);
    const nav = (): string => this.#pick(names).replaceAll(/[^A-Za-z_]/g, 'x');
    const dollar = (): string => (this.#chance(0.8) ? '$' : '');
    if (this.#chance(0.4))
      options.push(
        `${dollar()}select=${[name(), name()].map((text) => text.replaceAll(/[^A-Za-z_]/g, 'x')).join(',')}`,
      );
    if (this.#chance(0.35))
      options.push(
        `${dollar()}expand=${nav()}${this.#pick(['', '', '($select=id)', `($expand=${nav()})`, '($levels=max;$select=id,displayName)', `,${nav()}`])}`,
      );
    if (this.#chance(0.25)) {
      options.push(
        `${dollar()}filter=${this.#pick([`displayName eq 'memberOf/x'`, `startswith(displayName,'a')`, `${nav()}/id eq 'a'`, `${nav()}/any(x:x/id eq 'a')`, `not (mail eq null) and ${nav()}/$count eq 0`, `identities/any(x:x/issuer eq 'a')`])}`.replaceAll(
          ' ',
          this.#pick(['%20', '+', ' ']),
        ),
      );
    }
    if (this.#chance(0.1)) options.push(`$orderby=${name()} desc`);
    if (this.#chance(0.08)) options.push(`$search="displayName:mail"`);
    if (this.#chance(0.2)) options.push('$top=5', '$count=true');
    if (this.#chance(0.05)) options.push('$format=application/json');
    return options.join('&');
  }

  #body({ method, path }: Fact): Ask['body'] {
    if (method === 'GET' || method === 'DELETE' || this.#chance(0.2)) return undefined;
    if (path.endsWith('query')) return { requests: [{ entityTypes: [this.#pick(['message', 'driveItem', 'event'])] }] };
    return this.#pick([
      { displayName: 'x' },
      { accountEnabled: false },
      { accountEnabled: false, jobTitle: 'x' },
      { mobilePhone: '1' },
      { passwordProfile: { password: 'x' } },
      { preferredDataLocation: 'EUR' },
      { isAssignableToRole: true },
      { 'members@odata.bind': ['https://graph.microsoft.com/v1.0/users/a1'] },
      { manager: { id: 'a1' }, notificationUrl: 'https://elsewhere.example' },
      {
        '@odata.id': `https://graph.microsoft.com/v1.0/${this.#pick(['users', 'groups', 'directoryObjects', 'servicePrincipals'])}/a1`,
      },
      { '@odata.id': 'https://elsewhere.example/v1.0/users/a1' },
      { ids: ['a1'], types: [this.#pick(['user', 'group', 'application'])] },
      { '@odata.type': this.#pick(['#microsoft.graph.group', '#microsoft.graph.user']), displayName: 'x' },
      {
        roles: ['owner'],
        'user@odata.bind': this.#pick([
          "https://graph.microsoft.com/v1.0/users('a1')",
          'https://graph.microsoft.com/v1.0/users/a1/manager',
          'https://graph.microsoft.com/v1.0/groups/a1',
          'https://elsewhere.example/x',
        ]),
      },
    ]);
  }

  #damaged(ask: Ask): Ask {
    let { url, method } = ask;
    do {
      if (this.#chance(0.12)) method = this.#pick(['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'get', 'HEAD']);
      else url = this.#pick(this.#damages())(url);
    } while (this.#chance(0.35));
    return { ...ask, method, url };
  }

  #damages(): readonly ((url: string) => string)[] {
    const at = (url: string, insert: (before: string, after: string) => string): string => {
      const end = url.includes('?') ? url.indexOf('?') : url.length;
      const slashes = [...url.slice(0, end).matchAll(/\//g)].map(({ index }) => index);
      const place = this.#pick(slashes);
      return insert(url.slice(0, place), url.slice(place));
    };
    const append = (text: string) => (url: string) => {
      const [path = '', ...query] = url.split('?');
      return [`${path}${text}`, ...query].join('?');
    };
    return [
      (url) => url.toUpperCase(),
      (url) => url.replaceAll(/[a-z]/g, (letter) => (this.#chance(0.5) ? letter.toUpperCase() : letter)),
      (url) => at(url, (before, after) => `${before}/${after}`),
      (url) => at(url, (before, after) => `${before}${this.#pick(['/.', '/..', '/%2e%2e', '/x/..', '/%2E'])}${after}`),
      (url) =>
        at(
          url,
          (before, after) =>
            `${before}${after.replace('/', this.#pick(['%2f', '%5c', '\\', '%252f', ';x=1/', '%00/', '／']))}`,
        ),
      (url) =>
        at(
          url,
          (before, after) =>
            `${before}/${this.#pick(['$', 'microsoft.graph.user', 'graph.group', 'microsoft.graph.directoryObject', 'messages', 'a1'])}${after}`,
        ),
      append(
        this.#pick([
          '/',
          '//',
          '/$count',
          '/$value',
          '/$ref',
          '/microsoft.graph.user',
          '/$/microsoft.graph.group',
          '/delta',
          '/delta()',
          "('a1')",
          '/a1',
          '/memberOf',
          '/content',
          ';x',
          '%20',
          '.',
          '/getByIds',
          '/createUploadSession',
          '/%24ref',
        ]),
      ),
      append(`/${(this.#pick(this.#paths).split('/').at(-1) ?? '').replaceAll(/\{[^}]*\}/g, 'a1')}`),
      (url) => url.replace(/[^/?]+(?=$|\?)/, this.#pick(this.#paths).split('/').at(-1) ?? ''),
      (url) =>
        url.replace(
          /^\/[^/]*/,
          this.#pick([
            '/v2',
            '/beta',
            '/v1.0/myorganization',
            '',
            '/v1.0/v1.0',
            '/V1.0',
            '/%761.0',
            '/v1.0/$batch',
            '/v1.0/me',
          ]),
        ),
      (url) =>
        `${this.#pick(['https://graph.microsoft.com', 'https://graph.microsoft.com@evil.example', 'http://graph.microsoft.com', '//graph.microsoft.com', 'https://graph.microsoft.com.evil.example', 'HTTPS://GRAPH.MICROSOFT.COM', 'https://graph.microsoft.com:443'])}${url}`,
      (url) =>
        url.replace(
          /\/([^/?(]*)/,
          (_, segment: string) => `/${[...segment].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')}`,
        ),
      (url) => url.replace('k', 'K'),
      (url) =>
        url.replace(
          /\/users(?=\/|$|\?)/i,
          this.#pick(['/me', '/groups', `/users/${account.id}`, '/users()', '/directoryObjects']),
        ),
      (url) => url.replaceAll('$', '%24'),
      (url) =>
        `${url}${url.includes('?') ? '&' : '?'}${this.#pick(['$expand=*', '$select=*', '$apply=x', 'expand=memberOf', '$EXPAND=manager', '$skiptoken=abc', '$deltatoken=abc', '$select=id', '$format=json', '@p=1', '$filter=$it/x eq 1', '%24expand=memberOf', '$expand=manager%2528$expand=memberOf%2529', "$filter=cast(x,'a') eq 1", 'access_token=x', '$id=https://graph.microsoft.com/v1.0/users/a1'])}`,
      (url) => `${url}#x`,
    ];
  }
}
