import type { settingsSchema } from '../../src/lib/config/settings.ts';
import type { App } from './composed.ts';

/** How a setting is observed. */
export interface SettingRow {
  /** A value that is not the default and that no other setting has. */
  readonly value: string | undefined;
  readonly effect: (app: App) => unknown;
  /** What the effect is with the value. */
  readonly is: unknown;
  /** Changes to other settings, without which this one has no effect. */
  readonly beside?: Readonly<Record<string, string | undefined>>;
}

export type SettingRows = Readonly<Record<keyof typeof settingsSchema.shape, SettingRow>>;

export type Rows<Name extends keyof SettingRows> = Readonly<Record<Name, SettingRow>>;
