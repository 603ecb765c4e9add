import type { Fact } from './facts.ts';
import { type Template, TemplateList } from './oracle-map.ts';
import { type Piece, pieces, readings } from './oracle-path.ts';

/** A request with the rights of its caller. */
export interface Ask {
  readonly method: string;
  readonly url: string;
  readonly scopes: readonly string[];
  readonly scheme: 'delegated' | 'application';
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the rule allows the objects of the signed-in account. */
  readonly me: boolean;
}

export const account = { id: '11111111-1111-1111-1111-111111111111', upn: 'svc@partner.example' };

const directory: Readonly<Record<string, string>> = {
  user: 'users/*',
  group: 'groups/*',
  device: 'devices/*',
  serviceprincipal: 'serviceprincipals/*',
  application: 'applications/*',
  orgcontact: 'contacts/*',
  directoryrole: 'directoryroles/*',
  administrativeunit: 'directory/administrativeunits/*',
};

interface Subject {
  readonly ask: Ask;
  readonly method: string;
  readonly template: Template;
  readonly own: boolean;
  /** Names in the query; undefined selects everything. */
  readonly select: readonly string[] | undefined;
  readonly conditions: readonly string[];
  readonly suffix: boolean;
}

/**
 * Says why a request must not be allowed; undefined if nothing speaks against it. Written from the rules of the judge, not
 * from its code: it compares every template instead of walking a trie, looks at every way in which a path could be read,
 * and takes every word of a query for a navigation if there is one of that name.
 */
export class Oracle {
  readonly #templates: TemplateList;
  readonly #own: ReadonlySet<string>;

  constructor(facts: readonly Fact[]) {
    this.#templates = new TemplateList(facts);
    const names = new Set(facts.map(({ permission }) => permission));
    const mine = facts.filter(
      ({ scheme, path }) => scheme === 'delegated' && /^\/(?:me|users\/\{[^}]*\})(?:\/|$)/i.test(path),
    );
    this.#own = new Set(
      [
        ...new Set(mine.map(({ permission }) => permission)),
        ...[...names].filter((name) => names.has(`${name}.All`)),
      ].filter(
        (name) =>
          name.split('.').length === 2 &&
          !/^Copilot|^(?:Audit|Content)Activity|(?<!^Notes|^PrintJob)\.Create$/.test(name),
      ),
    );
  }

  objection(ask: Ask): string | undefined {
    for (const segments of readings(ask.url)) {
      const found = this.#objectionTo(ask, segments);
      if (found !== undefined) return `${found} (read as ${JSON.stringify(segments)})`;
    }
    return undefined;
  }

  #objectionTo(ask: Ask, segments: readonly string[]): string | undefined {
    const [version, ...path] = pieces(segments);
    if (version === undefined || !/^(?:v1\.0|beta)$/.test(version.text)) return 'no version';
    const casts = path
      .filter(({ text }) => /^(?:microsoft\.)?graph\./.test(text))
      .map(({ text }) => text.replace(/^(?:microsoft\.)?graph\./, ''));
    const found = this.#find(path, `${ask.method} ${ask.scheme}`);
    if (found === undefined) return 'no template';
    const { template, suffix } = found;
    // An alternate key leads to the same object.
    const text = template.segments.join('/').replace(/^(\w+)\((?:appid|deviceid|roletemplateid)\)/, '$1/*');
    if (ask.scheme === 'application' && template.segments[0] === 'me') return 'an application has no /me';
    if (!ask.me && template.segments[0] === 'me') return 'the rule does not allow /me';
    if (ask.method !== 'GET' && changesReferredObject(text, suffix)) return 'a write to an object through a navigation';
    const special = specialPlace(text, ask, version.text);
    if (special !== undefined) return special;
    const own = ask.me && isOwn(path);
    const { select, conditions, words } = wordsOf(ask.url);
    const subject: Subject = { ask, method: ask.method, template, own, select, conditions, suffix };
    if (!text.startsWith('search/query') && !this.#opened(subject)) return `nothing opens ${ask.method} ${text}`;
    if (
      text === 'search/query' &&
      !ask.me &&
      ask.scheme === 'delegated' &&
      /"(?:message|event)"/.test(JSON.stringify(ask.body))
    )
      return 'a search for objects of the account';
    const cast = casts.find(
      (type) => directory[type] !== undefined && !text.includes(type) && !this.#readsType(type, ask),
    );
    if (cast !== undefined) return `the cast to ${cast}`;
    return propertyObjection(words, ask) ?? this.#navigationObjection(words, subject) ?? this.#bodyObjection(subject);
  }

  /** The template of a path, with and without suffix, and with a qualified name as such, as short name and as cast. */
  #find(path: readonly Piece[], key: string): { template: Template; suffix: boolean } | undefined {
    const plain = path.filter(({ text, key }, at) => key || text !== '$' || !/graph\./.test(path[at + 1]?.text ?? ''));
    const long = plain.map((piece) =>
      piece.text.startsWith('graph.') ? { ...piece, text: `microsoft.${piece.text}` } : piece,
    );
    const short = (from: readonly Piece[]): readonly Piece[] =>
      from.map((piece) => ({ ...piece, text: piece.text.replace(/^microsoft\.graph\./, '') }));
    const uncast = (from: readonly Piece[]): readonly Piece[] =>
      from.filter(
        ({ text }) =>
          directory[text.replace(/^microsoft\.graph\./, '')] === undefined || !text.startsWith('microsoft.graph.'),
      );
    for (const end of [0, 1]) {
      const last = long.at(-1);
      if (end === 1 && (last === undefined || last.key || !/^\$(?:count|value|ref)$/.test(last.text))) continue;
      const body = end === 0 ? long : long.slice(0, -1);
      for (const variant of [body, uncast(body), short(uncast(body)), alternate(uncast(body))]) {
        const template = variant.length === 0 ? undefined : this.#templates.match(variant);
        // A suffix that the map lists for another method only is judged as the path without it.
        const listed = end === 1 || !template?.segments.at(-1)?.startsWith('$') || template.openings.has(key);
        if (template !== undefined && listed) return { template, suffix: end === 1 };
      }
    }
    return undefined;
  }

  #readsType(type: string, ask: Ask): boolean {
    const template = this.#templates.byText(directory[type] ?? '');
    return (
      template !== undefined &&
      this.#opened({
        ask: { ...ask, body: undefined },
        method: 'GET',
        template,
        own: false,
        select: undefined,
        conditions: [],
        suffix: false,
      })
    );
  }

  #opened(subject: Subject): boolean {
    const { ask, method, template } = subject;
    const key = `${method} ${ask.scheme}`;
    const text = template.segments.join('/');
    const twins = [
      text.replace(/^(policies\/authenticationmethodspolicy\/authenticationmethodconfigurations)\/[^/]+/, '$1/*'),
      text.replace(/^(\w+)\((?:appid|deviceid|roletemplateid)\)/, '$1/*'),
    ];
    const facts = [text, ...twins].flatMap((name) => this.#templates.byText(name)?.openings.get(key) ?? []);
    return facts.some((fact) => ask.scopes.includes(fact.permission) && this.#counts(fact, facts, subject));
  }

  #counts({ permission, also }: Fact, facts: readonly Fact[], subject: Subject): boolean {
    const { ask, method, template } = subject;
    const held = (name: string): boolean => ask.scopes.includes(name);
    const text = template.segments.join('/');
    const [, operation = '', constraint = ''] = permission.split('.');
    if (also.length > 0 && !also.some(held)) return false;
    const partners = facts.filter((fact) => fact.also.includes(permission));
    if (method !== 'GET' && also.length === 0 && partners.length > 0 && !partners.some((fact) => held(fact.permission)))
      return false;
    if (/^Read(?!Write)/.test(operation) && method !== 'GET' && !(method === 'POST' && readsByPost(text))) return false;
    if (
      /^(?:Selected|OwnedBy|ManagedBy|CreatedByApp|AppFolder|IdentityParentedBy|Global|Quarantined|AsGuest)$/.test(
        constraint,
      ) ||
      /\.Selected$|^Member\.Read\.Hidden$|Selected(?:For|$)|SelfFor|FromOwnedTemplate/.test(permission)
    )
      return false;
    if (
      permission.startsWith('DeviceManagement') &&
      !/^(?:devicemanagement|deviceappmanagement|rolemanagement\/(?:devicemanagement|cloudpc)|reports|officeconfiguration|tenantrelationships\/managedtenants)(?:\/|$)/.test(
        text,
      )
    )
      return false;
    if (method !== 'GET' && /approleassign/.test(text) && permission !== 'AppRoleAssignment.ReadWrite.All')
      return false;
    if (/^(?:directoryobjects|directory\/deleteditems)\/\*/.test(text) && !permission.startsWith('Directory.'))
      return false;
    if (/^CloudPC\.|\.CloudPC$/.test(permission) && /^rolemanagement\/(?!cloudpc\b)/.test(text)) return false;
    if (method === 'POST' && text === 'directory/administrativeunits/*/members' && !subject.suffix)
      if (!createsInUnit(permission, ask)) return false;
    if (operation.endsWith('Basic') && !basicEnough(subject)) return false;
    if (
      /^(?:Remove|Submit|Command|Migrate|AddRemoveCreds|EnableDisable|ReadWriteNonOwnerRole)$|^Update(?!Sponsors)/.test(
        operation,
      )
    )
      return singleProperty(permission, subject);
    if (
      /^(?:users|groups)(?:\/\*|\/delta)?$/.test(text) &&
      /^(?:User|Group)-|EnableDisableAccount|ManageIdentities|ManageProtection/.test(permission)
    )
      return singleProperty(permission, subject);
    return this.#ownEnough(permission, text, subject);
  }

  #ownEnough(permission: string, text: string, { ask, own }: Subject): boolean {
    if (ask.scheme === 'application' || own) return true;
    const reach =
      this.#own.has(permission) ||
      /\.Shared$|For(?:User|Chat|Team)$|^(?:Mail|TeamsActivity|ChatMessage)\.Send$/.test(permission);
    return !reach || (permission === 'User.Read' && text === 'organization');
  }

  /** Every word of the query that names a navigation must be readable. */
  #navigationObjection(words: readonly string[], subject: Subject): string | undefined {
    const { template, ask } = subject;
    const base = template.segments.at(-1) === 'delta' ? template.segments.slice(0, -1) : template.segments;
    const bases = [base, [...base, '*']].map((segments) => segments.join('/'));
    for (const word of words) {
      for (const prefix of bases) {
        const place = this.#templates.byText(`${prefix}/${word}`);
        if (place === undefined) continue;
        // The generator never nests a `$select` in an expand with basic permissions.
        const question: Subject = {
          ...subject,
          method: 'GET',
          template: place,
          select: ['id'],
          conditions: [],
          suffix: false,
          ask: { ...ask, body: undefined },
        };
        if (!this.#opened(question)) return `the query reads ${prefix}/${word}`;
      }
    }
    return undefined;
  }

  #bodyObjection({ ask, template, suffix }: Subject): string | undefined {
    const { body } = ask;
    if (body === undefined) return undefined;
    const text = JSON.stringify(body);
    const reference = suffix || template.segments.at(-1) === '$ref';
    if (
      /@odata\.bind"|"notificationUrl"|"callbackUri"|@delta"/i.test(text) &&
      !/^(?:teams|chats)/.test(template.segments[0] ?? '')
    )
      return 'the body binds or calls back';
    const user = /"user@odata\.bind":"([^"]*)"/.exec(text)?.[1] ?? 'https://graph.microsoft.com/v1.0/users/a';
    if (!/^https:\/\/graph\.microsoft\.com\/(?:v1\.0|beta)\/users(?:\/[^/?]+|\('[^/?]+'\))$/.test(user))
      return 'the body binds something else than a user';
    if (/"isAssignableToRole"/i.test(text) && !ask.scopes.includes('RoleManagement.ReadWrite.Directory'))
      return 'role-assignable group';
    if (
      ask.method === 'PATCH' &&
      /"passwordProfile"/i.test(text) &&
      !/User-PasswordProfile|AccessAsUser/.test(ask.scopes.join(' '))
    )
      return 'password';
    const target = body['@odata.id'];
    if (target === undefined) return undefined;
    if (!reference) return '@odata.id outside a reference';
    if (typeof target !== 'string' || !/^https:\/\/graph\.microsoft\.com\//i.test(target))
      return 'a reference that leads elsewhere';
    return this.objection({ ...ask, method: 'GET', url: target, body: undefined });
  }
}

const alternate = (path: readonly Piece[]): readonly Piece[] => {
  const [first, ...rest] = path;
  const name = /^(applications|serviceprincipals|devices|directoryroles)\((?:appid|deviceid|roletemplateid)\)$/.exec(
    first?.text ?? '',
  )?.[1];
  return name === undefined
    ? path
    : [{ text: name, raw: name, key: false }, { text: 'k', raw: 'k', key: true }, ...rest];
};

function isOwn([first, second]: readonly Piece[]): boolean {
  if (first?.text === 'me') return true;
  return first?.text === 'users' && [account.id, account.upn].includes(second?.text ?? '');
}

const readsByPost = (text: string): boolean =>
  /\/(?:getbyids|checkmember\w+|getmember\w+|validateproperties|getavailableextensionproperties|getmailtips|getschedule|findmeetingtimes|translateexchangeids|getpresencesbyuserid)$/.test(
    text,
  ) ||
  /^(?:security\/runhuntingquery|security\/auditlog\/queries|search\/query|identity\/conditionalaccess\/evaluate|devicemanagement\/reports\/(?:get|retrieve)\w+)$/.test(
    text,
  );

/** What a basic permission may at most show, over all of them. */
const harmless = new Set(
  'id displayname givenname surname mail userprincipalname description createddatetime deviceid volumetype devicename lastbackupdatetime refreshdatetime topic chattype subject from sender torecipients receiveddatetime sentdatetime isread start end isallday showas tenantid defaultdomainname federationbrandname'.split(
    ' ',
  ),
);

const basicEnough = ({ method, select, conditions, suffix }: Subject): boolean =>
  method === 'GET' && !suffix && select !== undefined && [...select, ...conditions].every((name) => harmless.has(name));

function singleProperty(permission: string, { method, ask: { body } }: Subject): boolean {
  const allowed: Readonly<Record<string, readonly string[]>> = {
    'User-Mail.ReadWrite.All': ['otherMails'],
    'User-Phone.ReadWrite.All': ['businessPhones', 'mobilePhone'],
    'User-PasswordProfile.ReadWrite.All': ['passwordProfile'],
    'User.EnableDisableAccount.All': ['accountEnabled'],
    'User.ManageIdentities.All': ['identities'],
    'Group-PreferredDataLocation.ReadWrite.All': ['preferredDataLocation'],
    'AgentIdentity.EnableDisable.All': ['accountEnabled'],
    'AgentIdentityBlueprintPrincipal.EnableDisable.All': ['accountEnabled'],
  };
  const keys = Object.keys(body ?? {});
  return method === 'PATCH' && keys.length > 0 && keys.every((key) => allowed[permission]?.includes(key) === true);
}

/** A member without `$ref` is created, and only groups are. */
const createsInUnit = (permission: string, { body, scopes }: Ask): boolean =>
  (body === undefined || body['@odata.type'] === '#microsoft.graph.group') &&
  /^(?:Directory\.ReadWrite\.All|Group\.(?:Create|ReadWrite\.All))$/.test(permission) &&
  (body === undefined || /Directory\.ReadWrite\.All|AdministrativeUnit\.Read/.test(scopes.join(' ')));

/** Without `$ref`, a write on a member concerns the member itself. */
const changesReferredObject = (text: string, suffix: boolean): boolean =>
  !suffix &&
  /^(?:groups|users|applications|serviceprincipals|devices|directoryroles|administrativeunits)\/\*\/(?:members|owners|manager|registeredowners|registeredusers|acceptedsenders|rejectedsenders)(?:\/\*)?$/.test(
    text,
  );

function specialPlace(text: string, ask: Ask, version: string): string | undefined {
  if (/^(?:shares|subscriptions)(?:\/|$)/.test(text)) return 'a root that is never served';
  if (
    /\/(?:content|contentstream|createuploadsessions?|createlink|invite|preview|exportjobs)$|downloadur[il]$/.test(text)
  )
    return 'an address without a token';
  if (
    /^reports\/get(?:office365|m365|mailbox|email|teams|skype|sharepoint|onedrive|yammer)/.test(text) &&
    !(version === 'beta' && /format=application(?:\/|%2F)json/i.test(ask.url))
  )
    return 'a report that redirects';
  return /\$batch|\$metadata|\$entity/.test(text) ? 'no single resource' : undefined;
}

interface Words {
  readonly select: readonly string[] | undefined;
  readonly conditions: readonly string[];
  readonly words: readonly string[];
}

/** The names in the query outside single quotes, whatever their place. */
function wordsOf(url: string): Words {
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
  const found: { select: string[] | undefined; conditions: string[]; words: string[] } = {
    select: undefined,
    conditions: [],
    words: [],
  };
  for (const pair of query.split('&')) {
    const [name = '', ...rest] = pair.split('=');
    const option = tryText(name).replace('$', '').trim().toLowerCase();
    if (!['select', 'expand', 'filter', 'orderby', 'search'].includes(option)) continue;
    const words = (
      tryText(rest.join('='))
        .replaceAll(/'(?:[^']|'')*'/g, ' ')
        .match(/[A-Za-z_]\w*/g) ?? []
    ).map((word) => word.toLowerCase());
    found.words.push(...words);
    if (option === 'select') found.select = [...(found.select ?? []), ...words];
    else if (option !== 'expand')
      found.conditions.push(
        ...words.filter((word) => !/^(?:eq|ne|and|or|not|any|all|asc|desc|startswith|true|false|null|x)$/.test(word)),
      );
  }
  return found;
}

const tryText = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
};

function propertyObjection(words: readonly string[], { scopes }: Ask): string | undefined {
  const needs: Readonly<Record<string, RegExp>> = {
    signinactivity: /^AuditLog\.Read\.All$/,
    customsecurityattributes: /^CustomSecAttributeAssignment\.Read(?:Write)?\.All$/,
    employeeleavedatetime: /^User-LifeCycleInfo\.Read(?:Write)?\.All$/,
    appliedconditionalaccesspolicies: /^Policy\.Read(?:\.All|\.ConditionalAccess|Write\.ConditionalAccess)$/,
  };
  const missing = words.find((word) => needs[word] !== undefined && !scopes.some((scope) => needs[word]?.test(scope)));
  return missing === undefined ? undefined : `the property ${missing}`;
}
