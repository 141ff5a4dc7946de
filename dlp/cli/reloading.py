"""Takes up a policy that was changed while the proxy runs, whole or not at all; the last good one stays otherwise."""

import asyncio
import logging
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dlp.adapters.http import HttpProxy
from dlp.adapters.pool import Pool
from dlp.cli.app import App, Prepared, prepare, renewed
from dlp.cli.enforced import tell
from dlp.cli.shipped import PACKS
from dlp.core.errors import DlpError
from dlp.core.message import Part
from dlp.core.policy import Policy
from dlp.engine.classify import worker_classify, worker_init
from dlp.engine.reload import Step, accept, reconsider
from dlp.policy.load import load_policy

_POLL_SECONDS = 1.0
_WARM_SECONDS = 120.0

_log = logging.getLogger("dlp.policy")

type _Stamp = tuple[int, ...] | None


class Watch:
    """The files that a policy was read from, and whether they are still the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[Path, _Stamp] = {path: _stamp(path)}

    def load(self) -> Policy:
        """Load the policy, and watch the files that it used, those of one that does not load as well.

        Raises:
            PolicyError: it does not load.

        """
        seen: dict[Path, _Stamp] = {}

        def read(path: Path) -> bytes:
            seen[path] = _stamp(path)  # before reading: what is written meanwhile then shows as a change
            return path.read_bytes()

        try:
            return load_policy(self._path, packs=PACKS, read=read)
        finally:
            self._seen = seen

    def stamps(self) -> dict[Path, _Stamp]:
        """Return what the files look like now."""
        return {path: _stamp(path) for path in self._seen}

    def changed(self) -> bool:
        """Return whether some file is no longer what was loaded."""
        return self.stamps() != self._seen


def _stamp(path: Path) -> _Stamp:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_size


class Running:
    """What a running proxy works with now. `error` says why the policy's files are not what is enforced."""

    def __init__(self, app: App, proxy: HttpProxy, pool: Pool) -> None:
        self.app = app
        self.proxy = proxy
        self.pool = pool
        self.error = ""
        self._watch = Watch(app.settings.policy)
        self._told = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()

    def health(self) -> Mapping[str, object]:
        """Return what the admin API and `dlp doctor` tell of the policy."""
        policy = self.app.policy
        told = {"policy": policy.name, "version": policy.version, "digest": policy.digest}
        return told | ({"reload_error": self.error} if self.error else {})

    async def follow(self) -> None:
        """Look at the files about once a second, and at once on SIGHUP; take up what changed. Never returns."""
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told.set)
        await self._look()  # what was changed while the proxy started
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _POLL_SECONDS)
            if self._told.is_set():
                self._told.clear()
                await self._look()
            elif self._watch.changed():
                # A file that is being written may parse by halves: wait until it has been the same for a while.
                before = self._watch.stamps()
                await asyncio.sleep(_POLL_SECONDS / 2)
                if self._watch.stamps() == before:
                    await self._look()

    async def _look(self) -> None:
        """Load the files and take the policy up if it is another one."""
        try:
            step = await self._step()
            if step.policy is not None:
                await self._take_up(await asyncio.to_thread(prepare, self.app, step.policy))
        except DlpError as error:
            step = Step(error=str(error))
        except Exception as error:  # noqa: BLE001 - INVARIANT: whatever goes wrong here, the last good policy stays
            step = Step(error=f"internal error: {type(error).__name__}")
        if step.error and step.error != self.error:
            _log.error("the policy was not taken up, the last good one stays: %s", step.error)
        if step.error != self.error or step.policy is not None:
            self.error = step.error
            tell(self.app.settings, self.health())

    async def _step(self) -> Step:
        try:
            policy = await asyncio.to_thread(self._watch.load)
        except DlpError as error:
            return Step(error=str(error))
        return reconsider(self.app.policy, self.app.store, lambda: policy)

    async def _take_up(self, ready: Prepared) -> None:
        old = self.pool
        pool = old
        if ready.classifying != self.app.classifying:
            settings = self.app.settings
            pool = Pool(
                worker_init,
                (ready.classifying,),
                worker_classify,
                workers=settings.pool,
                memory=settings.limits.memory,
            )
            try:
                pool.start()
                await pool.classify((Part("", "warm"),), _WARM_SECONDS)
            except BaseException:
                pool.close()
                raise
        accept(self.app.store, ready.policy, time.time())
        # From here on nothing can fail, and nothing waits: no message sees one half of each.
        self.app = renewed(self.app, ready)
        self.proxy.renew(self.app.engine, pool)
        self.pool = pool
        policy = ready.policy
        _log.warning("policy taken up: %s version %s (%s)", policy.name, policy.version, policy.digest[:12])
        if pool is not old:
            task = asyncio.create_task(self._retire(old))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _retire(self, pool: Pool) -> None:
        """End workers once no message can still be waiting for them."""
        try:
            await asyncio.sleep(self.app.settings.limits.classify)
        finally:
            await asyncio.to_thread(pool.retire)

    def close(self) -> None:
        """End the workers, those that are being retired as well."""
        for task in self._retiring:
            task.cancel()
        self.pool.close()
