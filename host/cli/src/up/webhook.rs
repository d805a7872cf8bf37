//! The plugins of `windlass up` as webhooks of other control planes.

use windlass_admission::interpret::{Limits, document};
use windlass_admission::server;

use super::folder::{Folder, write_whole};
use super::member::{Address, listen};
use super::parts::Parts;
use crate::runtime::Plugins;
use crate::webhook::{Certificate, Measures, Place, router, rules, webhook};

const NAME: &str = "windlass";
const TIMEOUT_SECONDS: i32 = 10;

impl Parts {
    /// Serves them on `port`, and writes down what registers them.
    pub(super) async fn serve_webhook(
        &mut self,
        port: u16,
        folder: &Folder,
        plugins: &Plugins,
        measures: &Measures,
    ) -> anyhow::Result<()> {
        let home = folder.webhook();
        let certificate = Certificate::Own(home.clone());
        // Makes the folder, too.
        let identity = certificate.open(None)?;
        let Address { listener, url } = listen(port, &home).await?;
        let place = Place::Url(url);
        let webhook = webhook(&place, &identity, TIMEOUT_SECONDS, rules(&plugins.catalogue, |_| true));
        let configuration = serde_saphyr::to_string(&document(NAME, &webhook))?;
        write_whole(&folder.webhook_configuration(), &configuration)?;
        let tls = server::tls_config(identity.resolver)?;
        // Those who ask have quotas of their own, which this process doesn't know.
        let router = router(plugins, Limits::default(), measures, None, &self.shutdown);
        self.spawn("webhook server", server::serve(listener, tls, router, self.shutdown.clone()));
        Ok(())
    }
}
