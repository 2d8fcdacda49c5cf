/** From a request to what the service says to it. One case a request; nothing is decided here. */
import { unreachable } from '../../errors.js';
import { decodeEntry, encodeGeneration, encodeState } from '../../log/codec.js';
import type { Slot } from '../../machine/entry.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { ReadAnswer, Request } from './protocol.js';
import type { LocalService } from './service.js';

export async function answerTo(service: LocalService, request: Request): Promise<unknown> {
  const { log, stale, admin, calls, phases } = service;
  switch (request.type) {
    case 'append': {
      const { operation, request: once, append } = decodeEntry(request.entry);
      return log.append(operation, once, append);
    }
    case 'read':
      return readAnswer(await log.read(), request.have);
    case 'generation':
      return generationAnswer(await log.generation(request.group, request.generation));
    case 'generations':
      return (await log.generations(request.group)).map((record) => encodeGeneration(record));
    case 'staleRead':
      return readAnswer(stale.staleState(), request.have);
    case 'staleGeneration':
      return generationAnswer(await stale.staleGeneration(request.group, request.generation));
    case 'staleGenerations':
      return (await stale.staleGenerations(request.group)).map((record) => encodeGeneration(record));
    case 'status':
      return log.status();
    case 'checkpoint':
      await log.checkpoint();
      return null;
    case 'scrub':
      return log.scrub();
    case 'clusterStatus':
      return admin.status();
    case 'issueToken':
      return admin.issueToken({ lifetimeMs: request.lifetimeMs, node: request.node });
    case 'addVoter':
      return admin.addVoter(request.node);
    case 'removeMember':
      return admin.removeMember(request.node, request.forfeit);
    case 'replaceMember':
      return admin.replaceMember(request.old, request.next);
    case 'renewCertificate':
      return admin.renewCertificate();
    case 'ask':
      return calls.ask(request.node, request.name, request.call);
    case 'tellPhase':
      phases.tell(request.told);
      return null;
    default:
      return unreachable(request);
  }
}

function generationAnswer(record: GenerationRecord | undefined): Uint8Array | null {
  return record === undefined ? null : encodeGeneration(record);
}

/** The newest state that anybody asked for, as bytes: many commands ask for the same one. */
const encoded = new WeakMap<State, Uint8Array>();

function readAnswer(state: State, have: Slot | null): ReadAnswer {
  if (have === state.applied) return { slot: state.applied, state: null };
  const bytes = encoded.get(state) ?? encodeState(state);
  encoded.set(state, bytes);
  return { slot: state.applied, state: bytes };
}
