import { useState } from 'preact/hooks';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { entriesIn } from './view-filter.ts';

/** What the two fields of the start form say. */
interface TenantChoice {
  readonly only: string;
  readonly except: string;
}

/** The tenants of a run: all, or those that two lists name. */
export interface ChosenTenants {
  readonly choice: TenantChoice;
  readonly set: (change: Partial<TenantChoice>) => void;
  /** The lists as they are written. */
  readonly named: NamedTenants;
  /** What the button says. */
  readonly buttonText: string;
  /** What groups and tags mean now. Undefined until that was asked, and after a change. */
  readonly found: number | undefined;
  readonly problem: string | undefined;
  /**
   * The lists: the broker resolves them again when it plans the run. Undefined if it had to be asked what
   * they mean, and the person must confirm what it found.
   * @throws ApiFailure
   */
  readonly resolve: () => Promise<NamedTenants | undefined>;
}

export interface NamedTenants {
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
}

/**
 * Groups and tags are looked up first, so that nobody starts a run for tenants that they have not seen the number of.
 * @param verb what the button says before the tenants.
 * @param first entries to begin with.
 */
export function useChosenTenants(verb = 'Start for', first: readonly string[] = []): ChosenTenants {
  const { api } = useSignedIn();
  const [choice, setChoice] = useState<TenantChoice>({ only: first.join('\n'), except: '' });
  const [found, setFound] = useState<number>();
  const [only, except] = [entriesIn(choice.only), entriesIn(choice.except)];
  const mayLookUp = useRole('Tenants.Read');
  const isSimple = except.length === 0 && !only.some((entry) => entry.includes(':'));
  const needsLookup = mayLookUp && !isSimple;
  const named = { ...(only.length === 0 ? {} : { tenants: only }), ...(except.length === 0 ? {} : { except }) };
  const resolve: ChosenTenants['resolve'] = async () => {
    if (!needsLookup || (found !== undefined && found > 0)) return named;
    setFound((await api.tenantsIn(only, except)).tenants.length);
    return undefined;
  };
  const set = (change: Partial<TenantChoice>): void => {
    setChoice((current) => ({ ...current, ...change }));
    setFound(undefined);
  };
  const number = isSimple ? only.length : needsLookup ? found : undefined;
  const buttonText = buttonTextOf(verb, { isAll: isSimple && only.length === 0, named: number, needsLookup });
  const problem = found === 0 ? 'No tenant that you may see is in this choice.' : undefined;
  return { choice, set, named, buttonText, found, problem, resolve };
}

function buttonTextOf(
  verb: string,
  chosen: { readonly isAll: boolean; readonly named: number | undefined; readonly needsLookup: boolean },
): string {
  const { isAll, named = 0, needsLookup } = chosen;
  if (isAll) return `${verb} all tenants`;
  if (named > 0) return `${verb} ${count(named, 'tenant')}`;
  return needsLookup ? 'Find these tenants' : `${verb} these tenants`;
}

/** The fields. */
export function StartTenants({
  chosen,
  all = 'all tenants',
}: {
  readonly chosen: ChosenTenants;
  readonly all?: string;
}) {
  const { choice, set, found, problem } = chosen;
  return (
    <>
      <label for="start-tenants">
        Only these tenants: ids, domains, group:NAME or tag:NAME. Leave empty for {all}.
      </label>
      <textarea
        id="start-tenants"
        rows={3}
        value={choice.only}
        onInput={(event) => set({ only: event.currentTarget.value })}
      />
      <label for="start-except">Except these, written in the same way</label>
      <textarea
        id="start-except"
        rows={1}
        value={choice.except}
        onInput={(event) => set({ except: event.currentTarget.value })}
      />
      <p role="status" class={problem === undefined ? 'quiet' : 'problem'}>
        {problem ?? (found === undefined ? '' : `This means ${count(found, 'tenant')} now.`)}
      </p>
    </>
  );
}
