/**
 * Running a user's command where some trees stand at other places, in a private mount namespace. Types only.
 */

export interface Placement {
  /** The tree to show. */
  readonly from: string;
  /** The live path that it shall stand at. */
  readonly at: string;
  /** Mount it read-only, where the snapshot's own filesystem would let the command write; false by default. */
  readonly readOnly?: boolean;
}

export interface SandboxRequest {
  readonly command: readonly string[];
  readonly placements: readonly Placement[];
  /** False: no private mounts (`--no-mount`); the environment tells the command where its trees are. */
  readonly mount: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** Looked up again inside the namespace. */
  readonly workingDirectory: string;
  /**
   * Make a cgroup of this name for the command, where we may; null: none. Where we may not, `run` itself ends whatever
   * the command leaves behind before it resolves.
   */
  readonly cgroup: string | null;
  /** Kernel locks that live as long as any process of the command's does. */
  readonly inheritedFds: readonly number[];
  /** Where the command's stdout goes; with --json it is our stderr. */
  readonly stdout: 'inherit' | 'stderr';
  readonly signal?: AbortSignal;
}

export interface SandboxResult {
  /** The command's own status; 128 + n for a signal; 126 or 127 when it could not be started. */
  readonly status: number;
  /** The cgroup2 path of the command's cgroup, still there for `endAll`; null where there is none. */
  readonly cgroup: string | null;
  /** True where our `signal` ended it. */
  readonly interrupted: boolean;
}

export interface TreeUser {
  readonly pid: number;
  readonly command: string;
  /** `open file`, `mapping`, `working directory`, `root directory` or `mount`. */
  readonly use: string;
  readonly path: string;
}

export interface Sandbox {
  /** Whether private mounts work here, and why not. */
  probe(): Promise<{ readonly mounts: 'root' | 'user namespace' | 'no'; readonly reason: string | null }>;
  run(request: SandboxRequest): Promise<SandboxResult>;
  /** Kills (cgroup.kill, or process by process) everything left in that cgroup, waits until it is empty, and removes it. */
  endAll(cgroup: string): Promise<void>;
  /** The cgroup paths of our transactions that still exist, by the name that was asked for. */
  leftovers(): Promise<readonly { readonly name: string; readonly cgroup: string }[]>;
}

export interface TreeUsers {
  /**
   * Who has `tree` (a directory; for btrfs the subvolume, by its device number) open, mapped, as working or root
   * directory, or mounted at another place than `tree` itself, in any mount namespace. Never lists ourselves' own
   * file descriptors opened for the check. `ignorePids` are left out.
   */
  find(tree: string, ignorePids: readonly number[]): Promise<readonly TreeUser[]>;
}
