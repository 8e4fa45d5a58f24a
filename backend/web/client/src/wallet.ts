/** Wallets that announce themselves (EIP-6963), each asked by EIP-1193. `window.ethereum` is nobody's and not read. */
import type { Hex } from "./bytes.ts";
import { PlacetError } from "./errors.ts";
import { signerOf, type Signer } from "./signers.ts";
import type { TypedData } from "./typed.ts";

interface Provider {
  request(asked: { method: string; params?: readonly unknown[] }): Promise<unknown>;
}

/** `icon` is a `data:` URI for an `<img>`, or null. All of it is the wallet's own word. */
export interface Wallet {
  readonly uuid: string;
  readonly name: string;
  readonly rdns: string;
  readonly icon: string | null;
  readonly provider: Provider;
}

/** A network as a wallet may add it (EIP-3085). */
export interface Network {
  readonly chainId: number;
  readonly chainName?: string;
  readonly rpcUrls?: readonly string[];
}

/** Calls `found` for each wallet once, now and later; the answer ends it. */
export function watchWallets(found: (wallet: Wallet) => void): () => void {
  const known = new Set<string>();
  const announced = (event: Event) => {
    const { info, provider } = (event as CustomEvent<{ info: Wallet; provider: Provider }>).detail;
    if (known.has(info.uuid)) return;
    known.add(info.uuid);
    const icon = /^data:image\//.test(info.icon ?? "") ? info.icon : null;
    found({ uuid: info.uuid, name: String(info.name).slice(0, 60), rdns: String(info.rdns), icon, provider });
  };
  window.addEventListener("eip6963:announceProvider", announced);
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  return () => window.removeEventListener("eip6963:announceProvider", announced);
}

const codeOf = (error: unknown): number | undefined => {
  const { code, data } = (error ?? {}) as { code?: number; data?: { originalError?: { code?: number } } };
  return data?.originalError?.code ?? code;
};

export class WalletSigner implements Signer {
  readonly kind = "wallet";

  private constructor(
    readonly wallet: Wallet,
    readonly owner: Hex,
    private readonly network: Network,
    private readonly milliseconds: number,
  ) {}

  /** Connects; `account` is the one that must answer, where there is one already. */
  static async connect(wallet: Wallet, network: Network, account?: Hex, milliseconds = 60_000): Promise<WalletSigner> {
    const answered = await asked(wallet, "eth_requestAccounts", [], milliseconds);
    const accounts = (Array.isArray(answered) ? answered : []).map((one) => String(one).toLowerCase() as Hex);
    const owner = account ?? accounts[0];
    if (owner === undefined || !accounts.includes(owner)) {
      throw new PlacetError("account", "the wallet offers another account", accounts[0] ?? "none");
    }
    const signer = new WalletSigner(wallet, owner, network, milliseconds);
    await signer.demandNetwork();
    return signer;
  }

  async signTyped(typed: TypedData): Promise<Hex> {
    await this.demandNetwork();
    const signature = (await this.ask("eth_signTypedData_v4", [this.owner, JSON.stringify(typed)])) as Hex;
    const who = await signerOf(typed, signature).catch(() => "nobody");
    if (who !== this.owner) throw new PlacetError("account", "another account signed, or something else", who);
    return signature;
  }

  private ask(method: string, params: readonly unknown[] = []): Promise<unknown> {
    return asked(this.wallet, method, params, this.milliseconds);
  }

  private async demandNetwork(): Promise<void> {
    const chainId = `0x${this.network.chainId.toString(16)}`;
    const there = async () => BigInt(String(await this.ask("eth_chainId"))) === BigInt(chainId);
    if (await there()) return;
    try {
      await this.ask("wallet_switchEthereumChain", [{ chainId }]);
    } catch (error) {
      if (!(error instanceof PlacetError) || error.found !== "4902") throw networkError(error);
      const { chainName, rpcUrls } = this.network;
      if (!chainName || !rpcUrls?.length) throw new PlacetError("network.unknown", "the wallet does not know the network");
      const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
      await this.ask("wallet_addEthereumChain", [{ chainId, chainName, rpcUrls, nativeCurrency }]);
    }
    if (!(await there())) throw new PlacetError("network", "the wallet stays on another network");
  }
}

function networkError(error: unknown): PlacetError {
  if (error instanceof PlacetError && error.code === "timeout") return error;
  return new PlacetError("network", "the wallet would not change its network");
}

async function asked(wallet: Wallet, method: string, params: readonly unknown[], wait: number): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PlacetError("timeout", "the wallet did not answer", method)), wait);
  });
  try {
    return await Promise.race([wallet.provider.request({ method, params }), late]);
  } catch (error) {
    if (error instanceof PlacetError) throw error;
    const code = codeOf(error);
    if (code === 4001) throw new PlacetError("rejected", "the wallet was told no", method);
    throw new PlacetError("wallet", "the wallet failed", String(code));
  } finally {
    clearTimeout(timer);
  }
}
