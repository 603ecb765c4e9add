import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import type { Tenant } from '../../src/lib/api/trouble.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { namesOfTags } from '../../src/lib/tenants/tags.ts';
import { isExcluded } from '../../src/lib/tenants/tenant.ts';
import { useCombobox } from './combobox.ts';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { useTenants } from './polling.ts';
import { markOptions } from './tenant-filter.ts';
import { having, Marked, tenantsHaving } from './tenant-search.tsx';
import { entriesIn } from './view-filter.ts';

/** Tenants as the API takes them: ids, domains, `group:NAME` and `tag:NAME`. And what is typed but not chosen yet. */
interface TenantList {
  readonly entries: readonly string[];
  readonly text: string;
}

export interface NamedTenants {
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
}

/** The tenants of a run: all, or those that two lists name. */
export interface ChosenTenants {
  readonly lists: Readonly<Record<'only' | 'except', TenantList>>;
  readonly set: (list: 'only' | 'except', next: TenantList) => void;
  /** What no choice means. */
  readonly allText: string;
  /** What the API is sent. It resolves groups and tags again when it plans the run. */
  readonly named: NamedTenants;
  /** What the button says. */
  readonly buttonText: string;
  readonly problem: string | undefined;
  /** Says so, and leads to the field, if the choice cannot be sent. */
  readonly isFit: () => boolean;
  readonly known: Pick<TenantsAnswer, 'tenants' | 'groups'> | undefined;
}

/**
 * @param verb what the button says before the tenants.
 * @param options.first entries to begin with.
 * @param options.all what no choice means: the tenants of the list, or those of the job, which the list does not tell.
 */
export function useChosenTenants(
  verb: string,
  { first = [], all }: { readonly first?: readonly string[] | undefined; readonly all?: 'listed' | 'job' } = {},
): ChosenTenants {
  const known = useTenants();
  const [lists, setLists] = useState<ChosenTenants['lists']>({
    only: { entries: first, text: '' },
    except: { entries: [], text: '' },
  });
  const [isTried, setTried] = useState(false);
  const tenants = known?.tenants;
  const read = { only: withText(lists.only, tenants), except: withText(lists.except, tenants) };
  const [only, except] = [read.only.entries, read.except.entries];
  const number = only.length === 0 && all !== 'listed' ? undefined : numberOf(only, except, tenants);
  const wrong = read.only.rest !== '' ? 'only' : read.except.rest !== '' ? 'except' : undefined;
  const problem =
    wrong !== undefined && isTried
      ? `Choose what “${read[wrong].rest}” means from the list, or clear the field.`
      : number === 0 && tenants !== undefined
        ? 'This choice has no tenant that can be visited.'
        : undefined;
  const isAll = only.length === 0 && except.length === 0;
  const isLimited = known?.limited === true;
  // Whoever the policy limits must name the tenants of a run. A question without names means all that are open to its asker.
  const mustName = isLimited && all !== undefined && only.length === 0;
  const sent = mustName ? readable(tenants) : only;
  // The job may not be for all of them.
  const counted = all === 'job' ? undefined : number;
  return {
    lists,
    known,
    problem,
    allText: allText(all, undefined, isLimited),
    named: { ...(sent.length === 0 ? {} : { tenants: sent }), ...(except.length === 0 ? {} : { except }) },
    buttonText: `${verb} ${isAll ? allText(all, number, isLimited) : counted === undefined ? 'these tenants' : count(counted, 'tenant')}`,
    set: (list, next) => {
      setLists((current) => ({ ...current, [list]: next }));
      setTried(false);
    },
    isFit: () => {
      const isUnread = wrong !== undefined;
      setTried(isUnread);
      if (isUnread || problem !== undefined) document.getElementById(fieldIds[wrong ?? 'only'])?.focus();
      return !isUnread && problem === undefined;
    },
  };
}

const fieldIds = { only: 'start-tenants', except: 'start-except' } as const;

const readable = (tenants: readonly Tenant[] = []): readonly string[] =>
  tenants.flatMap((tenant) => (isExcluded(tenant) ? [] : tenant.tenantId));

function allText(all: 'listed' | 'job' | undefined, number: number | undefined, isLimited: boolean): string {
  if (isLimited && all === undefined) return 'all tenants open to you';
  if (isLimited)
    return `the ${number === undefined ? 'tenants' : number === 1 ? 'tenant' : count(number, 'tenant')} you may see`;
  if (all === 'job') return 'all tenants of the job';
  return number === undefined || number < 2 ? 'all tenants' : `all ${count(number, 'tenant')}`;
}

/** What identifies tenants without a list: a group, a tag, a domain or an id. */
const entryPattern = /^(?:(?:group|tag):.+|[^\s.:]+(?:\.[^\s.:]+)+|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i;

/** The entries in a text, such as a pasted list: also whole names, which may have commas. */
function entriesOf(
  text: string,
  tenants: readonly Tenant[] = [],
): { readonly entries: readonly string[]; readonly rest: string } {
  const read = (piece: string): readonly string[] | undefined => readPiece(piece.trim(), tenants);
  const entries: string[] = [];
  const rest: string[] = [];
  for (const cell of text.split(/[\n\r]+/).flatMap((line) => (read(line) ? line : line.split(/[\t;]+/)))) {
    const pieces = read(cell) === undefined ? cell.split(',').map(read) : [read(cell)];
    // A part of a name that is not known, such as "Contoso, Inc.", may be the name of another tenant.
    if (pieces.includes(undefined)) rest.push(cell.trim());
    else entries.push(...pieces.flatMap((piece) => piece ?? []));
  }
  return { entries, rest: rest.join('; ') };
}

/** What a text means as a whole: the tenant with this name, or ids, domains, groups and tags. */
function readPiece(piece: string, tenants: readonly Tenant[]): readonly string[] | undefined {
  const words = entriesIn(piece);
  const [named, ...others] = placesOf(tenants).get(piece.toLowerCase()) ?? [];
  const areEntries = words.every((word) => entryPattern.test(word));
  if (named !== undefined && others.length === 0 && !(areEntries && words.length === 1)) return [named];
  // The API takes the prefixes in lower case only.
  return areEntries ? words.map((word) => word.replace(/^(?:group|tag):/i, (mark) => mark.toLowerCase())) : undefined;
}

/** A list with what is typed and need not be chosen. */
function withText({ entries, text }: TenantList, tenants: readonly Tenant[] | undefined) {
  const typed = entriesOf(text, tenants);
  return { entries: [...new Set([...entries, ...typed.entries])], rest: typed.rest };
}

/** Ids by what stands for one tenant, in lower case: id, domain or name, which several may have. Made once for a list. */
const places = new WeakMap<readonly Tenant[], ReadonlyMap<string, readonly string[]>>();

function placesOf(tenants: readonly Tenant[]): ReadonlyMap<string, readonly string[]> {
  const known = places.get(tenants);
  if (known !== undefined) return known;
  const made = new Map<string, string[]>();
  for (const { tenantId, defaultDomain, name } of tenants)
    for (const text of new Set([tenantId, defaultDomain ?? tenantId, name].map((one) => one.toLowerCase())))
      made.set(text, [...(made.get(text) ?? []), tenantId]);
  places.set(tenants, made);
  return made;
}

const isMark = (entry: string): boolean => /^(?:group|tag):/.test(entry);

/** The ids of the tenants of a group or tag. Undefined if the list does not say which these are. */
function marked(entry: string, tenants: readonly Tenant[]): readonly string[] | undefined {
  const name = entry.slice(entry.indexOf(':') + 1);
  const isGroup = entry.startsWith('group:');
  const marksOf = ({ groups, tags }: Tenant) => (isGroup ? groups : tags);
  if (tenants.some((tenant) => marksOf(tenant) === undefined)) return undefined;
  return tenants.flatMap((tenant) =>
    !isExcluded(tenant) &&
    (isGroup ? tenant.groups?.includes(name) : namesOfTags(tenant.tags ?? []).has(name.toLowerCase())) === true
      ? tenant.tenantId
      : [],
  );
}

/** How many tenants a choice means. Undefined if the list does not tell. */
function numberOf(
  only: readonly string[],
  except: readonly string[],
  tenants: readonly Tenant[] | undefined,
): number | undefined {
  if (tenants === undefined)
    return except.length > 0 || only.length === 0 || only.some(isMark) ? undefined : only.length;
  const idsOf = (entry: string): readonly string[] | undefined =>
    isMark(entry) ? marked(entry, tenants) : placesOf(tenants).get(entry.toLowerCase());
  const all = only.length === 0 ? tenants.map(({ tenantId }) => tenantId) : [];
  const ids = new Set(all);
  for (const entry of only) {
    // A tenant that is not in the list may be one all the same: it has more domains than the list.
    const some = idsOf(entry) ?? (isMark(entry) ? undefined : [entry]);
    if (some === undefined) return undefined;
    for (const id of some) ids.add(id);
  }
  for (const entry of except) {
    const some = idsOf(entry);
    if (some === undefined) return undefined;
    for (const id of some) ids.delete(id);
  }
  for (const tenant of tenants) if (isExcluded(tenant)) ids.delete(tenant.tenantId);
  return ids.size;
}

/** The fields. @param props.all what no choice means, if it is more than the tenants of the list. */
export function StartTenants({ chosen, all }: { readonly chosen: ChosenTenants; readonly all?: string }) {
  const { problem, buttonText, allText } = chosen;
  return (
    <>
      <TenantPicker chosen={chosen} list="only" label="Only these tenants" placeholder={capitalized(allText)} />
      <p id="start-hint" class="small quiet">
        Search by name, domain, id, group or tag, or paste a list.{all === undefined ? '' : ` Empty: ${all}.`}
      </p>
      <TenantPicker chosen={chosen} list="except" label="Except these" placeholder="None" />
      <p id="start-problem" role="status" class={problem === undefined ? 'visually-hidden' : 'problem'}>
        {problem ?? buttonText}
      </p>
    </>
  );
}

/** Something to choose. */
interface Option {
  readonly entry: string;
  readonly text: string;
  readonly aside: string;
}

/** Options in sight. More are found by typing. */
const [mostMarks, mostTenants] = [6, 8];
/** Chips in sight. */
const mostChips = 8;

/** A field with the chosen tenants, groups and tags, and a list of those that the typed text finds. */
function TenantPicker(props: {
  readonly chosen: ChosenTenants;
  readonly list: 'only' | 'except';
  readonly label: string;
  readonly placeholder: string;
}) {
  const { chosen, list, label, placeholder } = props;
  const { lists, set, known } = chosen;
  const { entries, text } = lists[list];
  const id = fieldIds[list];
  const field = useRef<HTMLInputElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [showsAll, setShowsAll] = useState(false);
  const { options, more } = useMemo(() => optionsFor(text, entries, known), [text, entries, known]);
  const isShown = isOpen && options.length > 0;
  // A text that names tenants by itself is what Enter takes.
  const isRead = text.trim() !== '' && entriesOf(text, known?.tenants).rest === '';
  const take = ({ entry }: Option): void => {
    set(list, { entries: [...entries, entry], text: '' });
    close();
  };
  const combobox = useCombobox(options, take, isShown, isRead || text.trim() === '' ? -1 : 0);
  const close = (): void => {
    setOpen(false);
    combobox.reset();
  };
  /** Makes chips of what names tenants by itself. */
  const adopt = (typed: string): void => {
    const read = entriesOf(typed, known?.tenants);
    set(list, { entries: [...new Set([...entries, ...read.entries])], text: read.rest });
    close();
  };
  const remove = (entry: string): void => {
    set(list, { entries: entries.filter((other) => other !== entry), text });
    field.current?.focus();
  };
  const shown = showsAll ? entries : entries.slice(0, mostChips);
  const onKeyDown = (event: KeyboardEvent): void => {
    const last = entries.at(-1);
    if (combobox.handles(event)) setOpen(event.key !== 'Enter');
    else if (event.key === 'Enter' && isRead) adopt(text);
    else if (event.key === 'Escape' && isShown) close();
    else if (event.key === 'Backspace' && text === '' && last !== undefined) {
      // A key that is held down would remove all.
      if (event.repeat) return;
      if (shown.length < entries.length) setShowsAll(true);
      else remove(last);
      // Enter does not submit the form: an empty field means all tenants, and somebody may only have waited for the list.
    } else if (event.key !== 'Enter') return;
    event.preventDefault();
  };
  return (
    <div class="picker">
      <label for={id}>{label}</label>
      {entries.length === 0 ? null : (
        <ul class="tags" aria-label="Chosen">
          {shown.map((entry) => (
            <li key={entry}>
              <button type="button" class="tag" title={entry} onClick={() => remove(entry)}>
                <span class="visually-hidden">Remove </span>
                {textOf(entry, known?.tenants)} <Icon name="close" />
              </button>
            </li>
          ))}
          {shown.length === entries.length ? null : (
            <li>
              <button type="button" class="bare s" onClick={() => setShowsAll(true)}>
                and {(entries.length - shown.length).toLocaleString('en')} more
              </button>
            </li>
          )}
        </ul>
      )}
      <input
        id={id}
        ref={field}
        {...combobox.field}
        aria-describedby="start-hint start-problem"
        aria-invalid={chosen.problem !== undefined}
        placeholder={entries.length === 0 ? placeholder : 'Add another'}
        value={text}
        onInput={(event) => {
          set(list, { entries, text: event.currentTarget.value });
          setOpen(true);
          combobox.reset();
        }}
        onPaste={(event) => {
          const pasted = event.clipboardData?.getData('text') ?? '';
          // The lines of a list would become one word.
          if (!/[\n\t,;]/.test(pasted.trim())) return;
          event.preventDefault();
          adopt(`${text}\n${pasted}`);
        }}
        onClick={() => setOpen(true)}
        // What is typed counts as it is. New chips would move the button away from a click on it.
        onBlur={close}
        onKeyDown={onKeyDown}
      />
      <Options {...{ combobox, isShown, options, more, text, field }} />
    </div>
  );
}

interface OptionsProps {
  readonly combobox: ReturnType<typeof useCombobox<Option>>;
  readonly isShown: boolean;
  readonly options: readonly Option[];
  /** How many others there are. */
  readonly more: number;
  readonly text: string;
  readonly field: { readonly current: HTMLInputElement | null };
}

/** Above the dialog, which would cut it off, at the field. */
function Options({ combobox, isShown, options, more, text, field }: OptionsProps) {
  const float = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { current: element } = float;
    if (!isShown || element === null) return undefined;
    const place = (): void => {
      const { left, top, bottom, width } = field.current?.getBoundingClientRect() ?? new DOMRect();
      const [above, below] = [top - 12, innerHeight - bottom - 12];
      const isBelow = below >= Math.min(element.scrollHeight, 240) || below >= above;
      Object.assign(element.style, {
        left: `${left}px`,
        width: `${width}px`,
        maxHeight: `${Math.min(320, isBelow ? below : above)}px`,
        top: isBelow ? `${bottom + 4}px` : 'auto',
        bottom: isBelow ? 'auto' : `${innerHeight - top + 4}px`,
      });
    };
    element.showPopover?.();
    place();
    addEventListener('scroll', place, true);
    addEventListener('resize', place);
    return () => {
      removeEventListener('scroll', place, true);
      removeEventListener('resize', place);
      element.hidePopover?.();
    };
  }, [isShown]);
  return (
    <div
      ref={float}
      class="options"
      popover="manual"
      hidden={!isShown}
      onPointerDown={(event) => event.preventDefault()}
    >
      <div {...combobox.list}>
        {options.map((option, index) => (
          <div key={option.entry} {...combobox.propsOf(option, index)}>
            <span class="cut" title={option.text}>
              <Marked text={option.text} part={text.trim()} />
            </span>
            <span class="small cut">{option.aside}</span>
          </div>
        ))}
      </div>
      {more === 0 ? null : <p class="small quiet">and {more.toLocaleString('en')} more: type a part of the name</p>}
    </div>
  );
}

/** Groups and tags first: they are few, and stand for many. */
function optionsFor(
  text: string,
  entries: readonly string[],
  known: ChosenTenants['known'],
): { readonly options: readonly Option[]; readonly more: number } {
  if (known === undefined) return { options: [], more: 0 };
  const { tenants } = known;
  const wanted = text.trim().toLowerCase();
  const chosen = new Set(entries);
  const { groups, tags } = markOptions(tenants, known.groups);
  const marks = [...groups.map((name) => `group:${name}`), ...tags.map((name) => `tag:${name}`)];
  const foundMarks = having(marks, wanted, (mark) => [
    mark.slice(mark.indexOf(':') + 1).toLowerCase(),
    mark.replace(':', ' ').startsWith(wanted.replace(':', ' ')) ? wanted : undefined,
  ]);
  const foundTenants = tenantsHaving(tenants, wanted).filter(({ tenantId }) => !chosen.has(tenantId));
  return {
    options: [
      ...foundMarks
        .filter((mark) => !chosen.has(mark))
        .slice(0, mostMarks)
        .map((entry) => {
          const number = marked(entry, tenants)?.length;
          return { entry, text: textOf(entry, tenants), aside: number === undefined ? '' : count(number, 'tenant') };
        }),
      ...foundTenants
        .slice(0, mostTenants)
        .map(({ tenantId, name, defaultDomain }) => ({ entry: tenantId, text: name, aside: defaultDomain ?? '' })),
    ],
    more: Math.max(0, foundTenants.length - mostTenants),
  };
}

/** An entry in words: the name of a tenant, `Group served`, `Tag tier=gold`. */
function textOf(entry: string, tenants: readonly Tenant[] = []): string {
  if (isMark(entry))
    return entry.replace(/^(g|t)(roup|ag):/, (_, first: string, rest: string) => `${first.toUpperCase()}${rest} `);
  const [tenantId, ...others] = placesOf(tenants).get(entry.toLowerCase()) ?? [];
  return (others.length === 0 && tenants.find((tenant) => tenant.tenantId === tenantId)?.name) || entry;
}
