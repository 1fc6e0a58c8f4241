//! What people ask the daemon: orders, which are kept in S3 and read again with every poll, and to look at
//! everything now.

use std::sync::Arc;

use evenkeel_cloud::store::{OrdersFile, OrdersFileError};
use evenkeel_model::orders::{Order, Orders};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;

/// Questions that wait to be taken up; whoever asks more is told to come again.
const WAITING: usize = 16;

enum Ask {
    Order(Order, oneshot::Sender<Result<(), ControlError>>),
    Reconcile,
}

/// The way to ask a daemon. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(mpsc::Sender<Ask>);

/// The daemon's end of [`Control`].
#[derive(Debug)]
pub struct Asks(mpsc::Receiver<Ask>);

/// Both ends.
pub fn control() -> (Control, Asks) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Control(sender), Asks(receiver))
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Too many at once, or the daemon is ending.
    #[error("the daemon cannot take this up now; ask again")]
    Busy,
    /// AWS has not told the time, by which orders count.
    #[error("AWS has not answered yet; ask again")]
    NoTime,
    /// It could not be written down.
    #[error("the order cannot be kept")]
    Kept(#[source] Box<OrdersFileError>),
}

impl Control {
    /// Gives an order; it is in S3 when this returns.
    ///
    /// # Errors
    /// Where it could not be taken or kept.
    pub async fn order(&self, order: Order) -> Result<(), ControlError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Ask::Order(order, answer)).map_err(|_| ControlError::Busy)?;
        answered.await.unwrap_or(Err(ControlError::Busy))
    }

    /// Has the documents and all of AWS that is of interest looked at now.
    ///
    /// # Errors
    /// Where the daemon is not to be reached.
    pub fn reconcile(&self) -> Result<(), ControlError> {
        self.0.try_send(Ask::Reconcile).map_err(|_| ControlError::Busy)
    }
}

/// Reads the orders with every poll, and takes new ones, until the end.
pub(crate) async fn watch(shared: Arc<Shared>, file: OrdersFile, mut asks: Asks, end: CancellationToken) {
    let mut open = true;
    loop {
        show(&shared, file.read().await);
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            ask = asks.0.recv(), if open => match ask {
                Some(ask) => take(&shared, &file, ask).await,
                None => open = false,
            },
            () = shared.sleep(shared.settings.poll) => {}
        }
    }
}

async fn take(shared: &Shared, file: &OrdersFile, ask: Ask) {
    match ask {
        Ask::Reconcile => {
            shared.event(None, "everything is looked at anew, as somebody asked".to_owned(), false);
            shared.renew.send_replace(shared.clock.now());
        }
        Ask::Order(order, answer) => {
            let now = shared.aws_clock();
            let taken = match now {
                0 => Err(ControlError::NoTime),
                now => file.add(&order, now).await.map_err(|error| ControlError::Kept(Box::new(error))),
            };
            let told = match taken {
                Ok(orders) => {
                    let (unit, message) = words(&order);
                    shared.event(unit, message, false);
                    show(shared, Ok(orders));
                    Ok(())
                }
                Err(error) => Err(error),
            };
            // Whoever asked may have gone.
            let _ = answer.send(told);
        }
    }
}

/// Puts what was read before the next pass. What cannot be read leaves what was read before in force: a pause
/// must not end because S3 is away.
fn show(shared: &Shared, read: Result<Orders, OrdersFileError>) {
    let trouble = match read {
        Ok(orders) => {
            let mut board = shared.board();
            let recovered = board.orders_trouble.take().is_some();
            let news = *board.orders != orders;
            if news {
                board.orders = Arc::new(orders);
            }
            drop(board);
            if recovered {
                shared.event(None, "orders can be read again".to_owned(), false);
            }
            if news {
                shared.wake.notify_one();
            }
            return;
        }
        Err(error) => error.to_string(),
    };
    let before = shared.board().orders_trouble.replace(trouble.clone());
    if before.as_ref() != Some(&trouble) {
        shared.event(None, format!("orders cannot be read, and the last ones stay: {trouble}"), true);
    }
}

fn words(order: &Order) -> (Option<String>, String) {
    match order {
        Order::Pause { unit, seconds, reason } => {
            let reason = reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            (Some(unit.to_string()), format!("paused for {} min{reason}", seconds / 60))
        }
        Order::Resume(unit) => (Some(unit.to_string()), "its pause is ended".to_owned()),
        Order::Release(unit) => {
            (Some(unit.to_string()), "released: its deployment may be tried again".to_owned())
        }
        Order::Approve(plan) => (None, format!("the deletions of plan {plan} are approved")),
        Order::Answer { hook, verdict } => (None, format!("hook {hook} is told to {}", verdict.word())),
    }
}
