import json, sys, pika

def handle(channel, method, properties, body):
    event = json.loads(body)
    print(event["id"], event["operation"], event.get("data", {}).get("legal_name"), flush=True)
    channel.basic_ack(method.delivery_tag)

channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
channel.queue_declare("warehouse", durable=True)
channel.queue_bind("warehouse", "passerelle.public", "acme.customer.*")
channel.basic_consume("warehouse", handle)
channel.start_consuming()
