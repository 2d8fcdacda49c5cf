/** How a command gets at the library. It is imported when a command asks for it, not when help is read. */
import type { CheckReport, NodeOptions, RebuildReport, RebuildRequest, SnapcommitNode, Thawed } from '../index.js';

export interface Openers {
  openNode(options: NodeOptions): Promise<SnapcommitNode>;
  initNode(options: {
    readonly stateDirectory: string;
    readonly node: string;
  }): Promise<{ readonly cluster: string; readonly node: string; readonly stateDirectory: string }>;
  rebuildNode(request: RebuildRequest): Promise<RebuildReport>;
  doctor(stateDirectory: string): Promise<readonly CheckReport[]>;
  thawAll(stateDirectory: string): Promise<readonly Thawed[]>;
}

export const libraryOpeners: Openers = {
  openNode: async (options) => (await import('../index.js')).openNode(options),
  initNode: async (options) => (await import('../index.js')).initNode(options),
  rebuildNode: async (request) => (await import('../index.js')).rebuildNode(request),
  doctor: async (stateDirectory) => (await import('../index.js')).doctor(stateDirectory),
  thawAll: async (stateDirectory) => (await import('../index.js')).thawAll(stateDirectory),
};
