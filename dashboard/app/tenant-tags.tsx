import { useState } from 'preact/hooks';
import type { ChangedTagsAnswer, TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { maxTags, nameOfTag, parseTag, tagRule } from '../../src/lib/tenants/tags.ts';
import { useAction } from './action.tsx';
import { useToast } from './announcer.tsx';
import type { ApiFailure } from './api-failure.ts';
import { auditLink } from './view-filter.ts';
import { useRole, useSignedIn } from './context.ts';
import { Dialog, DialogButton } from './dialog.tsx';
import { Icon } from './icon.tsx';
import { Fact, Failure, Panel } from './pieces.tsx';
import { tenantsLink } from './tenant-filter.ts';

interface TagsProps {
  readonly tenant: Pick<TenantDetailsAnswer, 'tenantId' | 'name' | 'tags' | 'groups'>;
  /** Reads the tenant again. */
  readonly onChange: () => void;
}

/** The groups of the policy that contain a tenant, and its tags, which rules and groups may name. */
export function TenantTags({ tenant, onChange }: TagsProps) {
  const { tenantId, tags, groups } = tenant;
  const mayChange = useRole('Tenants.Write');
  const showsAudit = useRole('Audit.Read');
  return (
    <Panel
      title="Groups and tags"
      more={
        showsAudit ? (
          <a href={auditLink({ tenant: tenantId, kind: 'tags', from: longAgo() })}>Changes of its tags</a>
        ) : undefined
      }
    >
      <dl>
        <Fact name="Policy groups">
          <Links names={groups} linkOf={(group) => tenantsLink({ group })} />
        </Fact>
        <Fact name="Tags">
          <Links names={tags} linkOf={(tag) => tenantsLink({ tag })} />
        </Fact>
      </dl>
      {mayChange && tags !== undefined ? (
        <DialogButton dialog={(onClose) => <TagsDialog {...{ tenant, tags, onChange, onClose }} />}>
          Change tags…
        </DialogButton>
      ) : null}
    </Panel>
  );
}

/** Tags rarely change, so the audit view shows a quarter of a year. */
const longAgo = (): string => new Date(Date.now() - 90 * 86_400_000).toISOString();

interface LinksProps {
  readonly names: readonly string[] | undefined;
  readonly linkOf: (name: string) => string;
}

function Links({ names, linkOf }: LinksProps) {
  if (names === undefined || names.length === 0)
    return <span class="quiet">{names === undefined ? 'not known' : 'none'}</span>;
  return (
    <ul class="tags">
      {names.map((name) => (
        <li key={name}>
          <a class="tag" href={linkOf(name)}>
            {name}
          </a>
        </li>
      ))}
    </ul>
  );
}

interface DialogProps extends TagsProps {
  /** The tags when the dialog was opened. */
  readonly tags: readonly string[];
  readonly onClose: () => void;
}

/** Collects changes and sends them together: each tag may open or close access, so nothing is sent by a slip. */
function TagsDialog({ tenant, tags, onChange, onClose }: DialogProps) {
  const form = useTagForm({ tenant, tags, onChange, close: onClose });
  const { change, problem } = form;
  return (
    <Dialog
      title={`Tags of ${tenant.name}`}
      about="Rules and groups of the access policy may name tags: a change may open or close access."
      onClose={onClose}
      form={{ onSubmit: form.submit, send: 'Save', busy: form.busy || isEmpty(change), onSend: form.save }}
    >
      <ul class="tags">
        {form.shown.map((tag) => (
          <li key={tag}>
            <button type="button" class="tag" onClick={() => form.remove(tag)}>
              <span class="visually-hidden">Remove </span>
              {tag} <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <label for="tag-new">New tag, as NAME or NAME=VALUE</label>
      <div class="pair">
        <input
          id="tag-new"
          value={form.text}
          autocomplete="off"
          spellcheck={false}
          aria-invalid={problem !== undefined}
          aria-describedby={problem === undefined ? undefined : 'tag-problem'}
          onInput={(event) => form.setText(event.currentTarget.value)}
        />
        <button type="submit">Add</button>
      </div>
      {problem === undefined ? null : (
        <p class="problem" id="tag-problem">
          {problem}
        </p>
      )}
      <p role="status">{changeText(change)}</p>
      <Failure failure={form.failure} />
    </Dialog>
  );
}

type Change = Pick<ChangedTagsAnswer, 'added' | 'removed'>;

const isEmpty = ({ added, removed }: Change): boolean => added.length + removed.length === 0;

/** The changes in a sentence. */
const changeText = ({ added, removed }: Change): string =>
  [added.length === 0 ? '' : `Adds ${added.join(', ')}.`, removed.length === 0 ? '' : `Removes ${removed.join(', ')}.`]
    .filter((part) => part !== '')
    .join(' ');

function useTagForm(props: Omit<DialogProps, 'onClose'> & { readonly close: () => void }) {
  const { tenant, tags, onChange, close } = props;
  const { api } = useSignedIn();
  const toast = useToast();
  const [shown, setShown] = useState(tags);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  const change: Change = {
    added: shown.filter((tag) => !tags.includes(tag)),
    // A tag whose name is added with another value is replaced.
    removed: tags.filter((tag) => !shown.includes(tag)),
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const tag = parseTag(text.trim());
    const rest = shown.filter((other) => tag === undefined || nameOfTag(other) !== nameOfTag(tag));
    if (tag === undefined) setProblem(`"${text.trim()}" ${tagRule}.`);
    else if (rest.length >= maxTags) setProblem(`A tenant has at most ${maxTags} tags.`);
    else {
      setShown([...rest, tag].toSorted());
      setText('');
    }
    document.getElementById('tag-new')?.focus();
  };
  const remove = (tag: string): void => {
    setShown(shown.filter((other) => other !== tag));
    document.getElementById('tag-new')?.focus();
  };
  const save = (): void => {
    if (isEmpty(change)) return;
    void run(async () => {
      await api.changeTags(tenant.tenantId, {
        add: change.added,
        remove: change.removed.filter(isNotReplaced(change)),
      });
      toast({ text: `The tags were changed. ${changeText(change)}` });
      onChange();
      close();
    });
  };
  const type = (next: string): void => {
    setText(next);
    setProblem(undefined);
  };
  return { shown, text, setText: type, problem, failure, busy, change, submit, remove, save };
}

const isNotReplaced =
  ({ added }: Change) =>
  (tag: string): boolean =>
    !added.some((other) => nameOfTag(other) === nameOfTag(tag));
