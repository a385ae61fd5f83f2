use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::{Connection, ConnectionProperties, types::FieldTable};

pub async fn consume(url: &str, mut handle: impl FnMut(&[u8])) -> lapin::Result<()> {
    let channel = Connection::connect(url, ConnectionProperties::default()).await?.create_channel().await?;
    channel.queue_declare("warehouse".into(), QueueDeclareOptions::durable(), FieldTable::default()).await?;
    let (exchange, key) = ("passerelle.public".into(), "acme.customer.*".into());
    channel.queue_bind("warehouse".into(), exchange, key, QueueBindOptions::default(), FieldTable::default()).await?;
    let (name, options) = ("warehouse".into(), BasicConsumeOptions::default());
    let mut messages = channel.basic_consume(name, "".into(), options, FieldTable::default()).await?;
    while let Some(message) = messages.next().await.transpose()? {
        handle(&message.data);
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
