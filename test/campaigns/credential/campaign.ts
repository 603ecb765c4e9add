import { judgeCredential } from '../../../src/lib/health/health.ts';
import { refreshTokensInOrder } from '../../../src/lib/tokens/credential/credential-store.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { calm, restart, type Step, steps } from './steps.ts';
import { application, type CredentialWorld as World, CredentialWorld, dayMs } from './world.ts';

/**
 * The credential campaign: random sequences of everything that happens to a credential, with five invariants after each
 * step. A seed always gives the same sequences.
 */

export interface CampaignOptions {
  readonly count: number;
  readonly seed: number;
  /** Further steps, such as the revocation drill. A step that stops the broker sets `isStopped`. */
  readonly furtherSteps?: readonly Step[];
}

interface Violation {
  readonly seed: number;
  readonly invariant: string;
  /** The names of the steps up to the violation. */
  readonly steps: readonly string[];
}

export interface CampaignResult {
  readonly sequences: number;
  readonly steps: number;
  /** How often each step ran. */
  readonly counts: Readonly<Record<string, number>>;
  /** How often the broker had to heal, and another version worked. */
  readonly heals: number;
  /** How often the revocation drill ran. */
  readonly drills: number;
  /** How often a drill reported that something was left, and had to be run again. */
  readonly unfinishedDrills: number;
  readonly violations: readonly Violation[];
}

const sequenceLength = 12;

export async function runCredentialCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const choices = [...steps, ...(options.furtherSteps ?? [])];
  const counts: Record<string, number> = {};
  const violations: Violation[] = [];
  let heals = 0;
  let drills = 0;
  let unfinishedDrills = 0;
  for (let nth = 0; nth < options.count; nth += 1) {
    const sequence = new Sequence(options.seed + nth, choices);
    await sequence.run();
    for (const name of sequence.names) counts[name] = (counts[name] ?? 0) + 1;
    heals += sequence.heals;
    drills += sequence.drills;
    unfinishedDrills += sequence.unfinishedDrills;
    if (sequence.violated !== undefined) {
      violations.push({ seed: options.seed + nth, invariant: sequence.violated, steps: sequence.names });
    }
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { sequences: options.count, steps: total, counts, heals, drills, unfinishedDrills, violations };
}

class Sequence {
  readonly names: string[] = [];
  heals = 0;
  violated: string | undefined;
  readonly #world: World;
  readonly #choices: readonly Step[];
  /** Whether a version was edited since the broker last had the time to heal. */
  #isEdited = false;
  #rememberedDrills = 0;
  #revoked: ReturnType<World['store']['clientCredentials']> = [];

  constructor(seed: number, choices: readonly Step[]) {
    this.#world = new CredentialWorld(seed);
    this.#choices = choices.filter(({ isDelegated }) => !isDelegated || !this.#world.isAppOnly);
  }

  get drills(): number {
    return this.#world.drills;
  }

  get unfinishedDrills(): number {
    return this.#world.unfinishedDrills;
  }

  async run(): Promise<void> {
    await restart(this.#world);
    for (let nth = 0; nth < sequenceLength && this.violated === undefined; nth += 1) {
      const step = this.#world.pick(this.#choices);
      if (step.isEdit && this.#isEdited) await this.#heal();
      this.names.push(step.name);
      await step.run(this.#world);
      this.#isEdited ||= step.isEdit === true;
      this.#rememberRevoked();
      this.violated ??= this.#certificateAfterDrill() ?? (await violationOf(this.#world));
      if (this.#world.isStopped) {
        await this.#checkStopped();
        await restart(this.#world);
      } else if (this.#world.consented === undefined && !this.#world.isAppOnly) {
        calm(this.#world);
        await this.#world.consent('account-a');
      }
    }
    if (this.violated === undefined) await this.#heal();
  }

  /** Keeps the certificates of all versions in the vault when a drill has ended. */
  #rememberRevoked(): void {
    const { drills, store } = this.#world;
    if (drills === this.#rememberedDrills) return;
    this.#rememberedDrills = drills;
    this.#revoked = store.clientCredentials(application);
  }

  #certificateAfterDrill(): string | undefined {
    const isAccepted = this.#revoked.some((each) => each.kind === 'certificate' && this.#world.entra.accepts(each));
    return isAccepted ? 'a certificate redeems after a drill' : undefined;
  }

  /** Nothing that the broker does on its own may put a version in use after a person has disabled all. */
  async #checkStopped(): Promise<void> {
    calm(this.#world);
    await this.#world.care();
    await this.#world.rotate().catch(() => undefined);
    const { store } = this.#world;
    const versions = [
      ...(await store.listRefreshTokenVersions(application)),
      ...(await store.listClientCredentialVersions(application)),
    ];
    if (versions.some(({ enabled }) => enabled)) this.violated ??= 'a version is enabled after a person disabled all';
    this.#isEdited = false;
  }

  /** Two days without faults heal the credential, if any enabled version of each part works. */
  async #heal(): Promise<void> {
    const world = this.#world;
    calm(world);
    const canHeal = await hasWorkingVersions(world);
    for (let day = 0; day < 2; day += 1) {
      world.nowMs += dayMs;
      await world.care();
    }
    this.#isEdited = false;
    if (!canHeal) {
      await restart(world);
      return;
    }
    this.heals += 1;
    const credential = await world.inForce();
    const account = credential?.refreshToken && world.entra.accountOf(credential.refreshToken.secret);
    const lacksAccount = account === undefined && !world.isAppOnly;
    if (credential === undefined || !world.isUsable(credential.client) || lacksAccount) {
      this.violated ??= 'an edit of one version is fatal although another one works';
    }
    this.violated ??= await violationOf(world);
  }
}

/** Whether an enabled version of both parts works, and will for the days that healing takes. */
async function hasWorkingVersions(world: World): Promise<boolean> {
  const { store, entra } = world;
  const inTwoDays = world.nowMs + 3 * dayMs;
  let hasClient = false;
  for (const { version } of await store.listClientCredentialVersions(application)) {
    const client = await store.loadClientCredentialVersion(application, version).catch(() => undefined);
    if (client === undefined || !world.isUsable(client)) continue;
    hasClient ||= (entra.keyOf(client.credential)?.endsAtMs ?? 0) > inTwoDays;
  }
  if (world.isAppOnly) return hasClient;
  let hasToken = false;
  for (const { version } of refreshTokensInOrder(await store.listRefreshTokenVersions(application))) {
    const token = await store.loadRefreshTokenVersion(application, version);
    if (token === undefined || entra.accountOf(token.secret) !== world.consented) continue;
    const issuedAtMs = entra.tokens.get(token.secret.reveal())?.issuedAtMs ?? 0;
    hasToken ||= issuedAtMs + 90 * dayMs > inTwoDays;
  }
  return hasClient && hasToken;
}

/** What still works of the credentials that a drill has revoked. Tokens must be refused whatever secret comes with them. */
function redeemableAfterDrill({ revoked, entra }: World): string | undefined {
  if (revoked === undefined) return undefined;
  if (revoked.left !== undefined) return `the drill does not finish although nothing fails: ${revoked.left}`;
  const secret = revoked.passwords.find((password) =>
    entra.accepts({ kind: 'secret', secret: new Secret(password.secret) }),
  );
  if (secret !== undefined) return `the client secret ${secret.keyId} redeems after a drill`;
  const owners = revoked.tokens.map((token) => entra.accountOf(new Secret(token)));
  const owner = owners.find((account) => account !== undefined);
  return owner === undefined ? undefined : `a refresh token of ${owner} redeems after a drill`;
}

/** The first invariant that does not hold. */
async function violationOf(world: World): Promise<string | undefined> {
  const redeemable = redeemableAfterDrill(world);
  if (redeemable !== undefined) return redeemable;
  const credential = await world.inForce();
  const { refreshToken, client } = credential ?? {};
  const account = refreshToken && world.entra.accountOf(refreshToken.secret);
  if (account !== undefined && world.consented !== undefined && account !== world.consented) {
    return 'the credential in force belongs to an account that did not consent last';
  }
  if (credential === undefined || client === undefined) return undefined;
  const needsRefreshToken = !world.isAppOnly;
  if (refreshToken === undefined && needsRefreshToken) return undefined;
  const issued = refreshToken && world.entra.tokens.get(refreshToken.secret.reveal());
  const ends = [world.entra.keyOf(client.credential)?.endsAtMs, issued && issued.issuedAtMs + 90 * dayMs].filter(
    (end) => end !== undefined,
  );
  const nowMs = world.nowMs + world.skewMs;
  const { state } = judgeCredential({ application, needsRefreshToken, credential, journal: {} }, nowMs);
  const isNear = ends.some((end) => end - world.nowMs < 7 * dayMs - Math.abs(world.skewMs) - 60_000);
  return isNear && state.status === 'ok' ? 'health is ok for a credential that ends within seven days' : undefined;
}
